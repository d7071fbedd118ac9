package model

import "context"

// What is outside the layers can be as large as many of them: a vocabulary of 152,000 times 5,120 columns, twice. So it
// comes when it is needed, and goes.

// LoadEmbedding brings the token embeddings onto the device, which Begin needs.
func (m *Model) LoadEmbedding(ctx context.Context) error { return m.bring(ctx, "token_embd.weight") }

// DropEmbedding frees the token embeddings, unless they are the head too.
func (m *Model) DropEmbedding() {
	if !m.Block.TiedOutput {
		m.drop("token_embd.weight")
	}
}

// LoadHead brings onto the device the matrix that makes logits.
func (m *Model) LoadHead(ctx context.Context) error {
	return m.bring(ctx, m.head())
}

// DropHead frees what LoadHead brought, and embeddings that are the head.
func (m *Model) DropHead() { m.drop(m.head()) }

// head is the matrix that makes logits.
func (m *Model) head() string {
	if m.Block.TiedOutput {
		return "token_embd.weight"
	}
	return "output.weight"
}

// bring loads those of the tensors outside the layers that the model has and that are not there.
func (m *Model) bring(ctx context.Context, names ...string) error {
	for _, in := range m.Block.Globals() {
		for _, name := range names {
			if in.Name != name || m.global.weight(name) != nil || m.global.vector(name) != nil {
				continue
			}
			if err := m.loadInto(ctx, m.global, in); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Model) drop(name string) {
	m.dev.Release(m.global.weight(name))
	delete(m.global.weights, name)
}
