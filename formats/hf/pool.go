package hf

import (
	"container/list"
	"os"
	"sync"

	"github.com/qconv/qconv/formats/fault"
)

// maxDescriptors bounds the files that one directory keeps open. Large models have hundreds of
// shards, and a limit of 32 descriptors for the whole process must do.
const maxDescriptors = 16

// pool opens files on demand and closes the one that was idle longest when too many are open.
type pool struct {
	mu    sync.Mutex
	freed *sync.Cond // a descriptor became idle or was closed
	limit int
	open  int       // descriptors open now
	idle  list.List // of *dirBlob that are open and unused, longest idle first
}

func newPool(limit int) *pool {
	p := &pool{limit: limit}
	p.freed = sync.NewCond(&p.mu)
	return p
}

// acquire gives b's descriptor, which stays open until release. A file that is no longer the one
// that b was opened on is a fault of kind IO. It waits while all descriptors are in use.
func (p *pool) acquire(b *dirBlob) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if b.closed {
			return nil, fault.New(fault.IO, b.name, "read after close: %w", os.ErrClosed)
		}
		if b.file != nil {
			if b.users == 0 {
				p.idle.Remove(b.at)
			}
			b.users++
			return b.file, nil
		}
		if p.open < p.limit {
			break
		}
		if oldest := p.idle.Front(); oldest != nil {
			p.shut(p.idle.Remove(oldest).(*dirBlob))
			continue
		}
		p.freed.Wait()
	}
	f, err := b.reopen()
	if err != nil {
		return nil, err
	}
	p.open++
	b.file, b.users = f, 1
	return f, nil
}

func (p *pool) release(b *dirBlob) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.users--; b.users > 0 {
		return
	}
	if b.closed {
		p.shut(b)
	} else {
		b.at = p.idle.PushBack(b)
	}
	p.freed.Broadcast()
}

// close gives the descriptor up now, or when the last reader releases it.
func (p *pool) close(b *dirBlob) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.closed = true
	if b.file != nil && b.users == 0 {
		p.idle.Remove(b.at)
		p.shut(b)
	}
	p.freed.Broadcast()
}

// shut closes a descriptor that is neither used nor listed as idle. It was only read from, so an
// error of Close loses nothing.
func (p *pool) shut(b *dirBlob) {
	b.file.Close()
	b.file = nil
	p.open--
}
