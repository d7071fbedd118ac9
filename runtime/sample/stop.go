package sample

import (
	"bytes"
	"unicode/utf8"
)

// Stopper cuts a stream of text at the first stop string. It holds back what might still become one, and the bytes of a
// character that is not complete, so that what it gives can be printed at once.
//
// First means completed first: generation ends at the earliest moment. Of stop strings that are completed by the same
// byte the longest counts. The cut does not depend on how the text is divided into pieces.
type Stopper struct {
	stops   [][]byte
	held    []byte
	stopped bool
}

// NewStopper makes a Stopper for the given strings; empty ones are ignored.
func NewStopper(stops []string) *Stopper {
	s := &Stopper{}
	for _, stop := range stops {
		if stop != "" {
			s.stops = append(s.stops, []byte(stop))
		}
	}
	return s
}

// Write takes the next piece of text, which need not be whole characters. It gives the text that is certain, and whether
// a stop string was found: nothing comes after that.
func (s *Stopper) Write(piece []byte) (text string, stop bool) {
	if s.stopped {
		return "", true
	}
	for _, b := range piece {
		s.held = append(s.held, b)
		if n := s.completed(); n > 0 {
			s.stopped = true
			return s.give(len(s.held) - n), true
		}
	}
	return s.give(s.certain()), false
}

// Flush gives what was held back when no more text comes. After a stop that is nothing.
func (s *Stopper) Flush() string {
	if s.stopped {
		return ""
	}
	return s.give(len(s.held))
}

// give takes n bytes from the front.
func (s *Stopper) give(n int) string {
	text := string(s.held[:n])
	s.held = append(s.held[:0], s.held[n:]...)
	return text
}

// completed gives the length of the longest stop string that the held text ends with.
func (s *Stopper) completed() int {
	n := 0
	for _, stop := range s.stops {
		if bytes.HasSuffix(s.held, stop) {
			n = max(n, len(stop))
		}
	}
	return n
}

// certain gives how many of the held bytes can be printed: those before the beginning of a stop string, and before a
// character that is cut.
func (s *Stopper) certain() int {
	n := len(s.held)
	for _, stop := range s.stops {
		for k := min(len(stop)-1, len(s.held)); k > len(s.held)-n; k-- {
			if bytes.HasSuffix(s.held, stop[:k]) {
				n = len(s.held) - k
				break
			}
		}
	}
	for back := 1; back < utf8.UTFMax && back <= n; back++ {
		if last := s.held[n-back:]; utf8.RuneStart(last[0]) {
			if _, width := utf8.DecodeRune(last); width > back || !utf8.FullRune(last) {
				n -= back
			}
			break
		}
	}
	return n
}
