package arch

// List gives every architecture, in the order in which they are documented.
func List() []*Spec {
	return []*Spec{&qwen2, &llama, &deepseek2, &hunyuanDense, &hunyuanMoE}
}
