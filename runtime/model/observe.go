package model

import "github.com/qconv/qconv/runtime/device"

// Observer sees what the weights of layers are multiplied with.
type Observer interface {
	// Input is called just before matrix number matrix of a tensor, which has so many matrices (experts or heads), is
	// multiplied with x, a row a token. x is valid until Input returns; an error ends the pass.
	Input(tensor string, matrix, matrices int, x device.View) error
}

// Observe lets o see the products of the layers that the pass goes through from now on; nil is nobody. For the output matrix,
// which is in no layer, there is ObserveOutput.
func (p *Pass) Observe(o Observer) { p.observer = o }

// ObserveOutput lets the observer see what the output matrix of a model that has one is multiplied with, after all layers:
// every row of the residual stream, normalized. The product is not made.
func (p *Pass) ObserveOutput() error {
	if p.observer == nil || p.m.Block.TiedOutput {
		return nil
	}
	dev := p.m.dev
	buffer, err := dev.New(min(outputRows, p.x.Rows) * p.x.Cols)
	if err != nil {
		return err
	}
	defer dev.Free(buffer)
	for first := 0; first < p.x.Rows; first += outputRows {
		x := p.x.Range(first, min(outputRows, p.x.Rows-first))
		h := device.Dense(buffer, x.Rows, x.Cols)
		dev.Norm(h, x, p.m.global.vector("output_norm.weight"), p.m.Block.Norm.Eps)
		if err := p.observer.Input("output.weight", 0, 1, h); err != nil {
			return err
		}
	}
	return nil
}

// product is a product with a weight.
type product struct {
	dst, x device.View
	weight string // its name in tensors
	matrix int    // where weights are whole tensors
}

// multiply does products with weights of t, none of which reads what another writes.
func (p *Pass) multiply(t *tensors, products ...product) {
	list := make([]device.Product, len(products))
	for i, q := range products {
		w := t.weight(q.weight)
		list[i] = device.Product{Dst: q.dst, X: q.x, W: w, Matrix: q.matrix}
		if p.observer == nil || p.err != nil {
			continue
		}
		if t.experts > 0 {
			p.err = p.observer.Input(t.prefix+q.weight, t.expert, t.experts, q.x)
		} else {
			p.err = p.observer.Input(t.prefix+q.weight, q.matrix, w.Matrices(), q.x)
		}
	}
	p.m.dev.Multiply(list)
}
