package mix

import "github.com/qconv/qconv/formats/gguf"

// rule gives the type that the recipe wants for a tensor; t is the recipe's default. The cases stand in
// the order in which they are tried.
func (v *visit) rule(s *Site, role role, t gguf.Type) (gguf.Type, error) {
	file := v.recipe.FileType
	switch {
	case role == output || role == embedding && v.tied:
		return v.output(s, t), nil
	case file == fileMXFP4MoE:
		return v.mxfp4(s, role), nil
	case role == embedding:
		return v.embedding(t), nil
	case lowBit(file):
		return v.lowBits(role, t), nil
	case role.holdsValues():
		return v.attnValues(t), nil
	case role == attnK:
		if v.model.Experts == 8 {
			return gguf.TypeQ8_0, nil
		}
		return queryOrKey(file, t), nil
	case role == attnQ:
		return queryOrKey(file, t), nil
	case role == ffnDown:
		return v.down(s, t)
	case role == attnOutput:
		return v.attnOut(t), nil
	case role == ffnGate:
		return v.gateOrUp(s, t, &v.nthGate)
	case role == ffnUp:
		return v.gateOrUp(s, t, &v.nthUp)
	}
	return t, nil
}

// output also serves embeddings that are the output too.
func (v *visit) output(s *Site, t gguf.Type) gguf.Type {
	if v.options.Output != nil {
		return *v.options.Output
	}
	elems, _, _ := t.Block()
	switch file := v.recipe.FileType; {
	case file == fileMXFP4MoE, v.model.Arch == "falcon", s.dim(0)%elems != 0:
		return gguf.TypeQ8_0
	case lowBit(file), file == fileIQ3_XXS:
		return gguf.TypeQ5_K
	case t != gguf.TypeQ8_0:
		return gguf.TypeQ6_K
	}
	return t
}

// mxfp4 gives MXFP4 to experts. They are known by three dimensions, except in an architecture that
// has other tensors of three.
func (v *visit) mxfp4(s *Site, r role) gguf.Type {
	expert := s.dim(2) > 1
	if v.model.Arch == "bailingmoe3" {
		expert = expert && (r == ffnUp || r == ffnGate || r == ffnDown)
	}
	if expert {
		return gguf.TypeMXFP4
	}
	return gguf.TypeQ8_0
}

func (v *visit) embedding(t gguf.Type) gguf.Type {
	switch v.recipe.FileType {
	case fileIQ2_XXS, fileIQ2_XS, fileIQ1_S, fileIQ1_M:
		return gguf.TypeQ2_K
	case fileIQ2_S, fileIQ2_M, fileIQ3_XXS:
		return gguf.TypeIQ3_S
	case fileTQ1_0, fileTQ2_0, fileQ2_0:
		return gguf.TypeQ4_K
	}
	return t
}

func (v *visit) lowBits(r role, t gguf.Type) gguf.Type {
	file, experts := v.recipe.FileType, v.model.Experts
	larger := file == fileIQ2_S || file == fileIQ2_M
	raised := gguf.TypeQ2_K
	if larger {
		raised = gguf.TypeIQ3_S
	}
	switch {
	case r.holdsValues():
		v.nthValue++
		if v.model.queriesPerKey() >= 4 || experts >= 4 {
			return gguf.TypeQ4_K
		}
		return raised
	case r == attnK && experts == 8:
		return gguf.TypeQ4_K
	case r == ffnDown:
		v.nthDown++
		if v.nthDown-1 < v.model.Layers/8 {
			return raised
		}
	case r == attnOutput:
		switch {
		case experts == 8:
			return gguf.TypeQ5_K
		case file == fileIQ1_S, file == fileIQ1_M:
			return gguf.TypeIQ2_XXS
		case larger:
			return gguf.TypeIQ3_S
		}
	}
	return t
}

func (v *visit) attnValues(t gguf.Type) gguf.Type {
	shared := v.model.queriesPerKey() >= 4 // few value heads: more bits for them cost little
	nth := v.nthValue
	v.nthValue++
	switch v.recipe.FileType {
	case fileQ2_K:
		t = gguf.TypeQ3_K
		if shared {
			t = gguf.TypeQ4_K
		}
	case fileQ2_K_S, fileIQ3_XS, fileIQ3_S:
		if shared {
			t = gguf.TypeQ4_K
		}
	case fileIQ3_XXS:
		switch {
		case shared:
			t = gguf.TypeQ4_K
		case !v.options.Importance:
			t = gguf.TypeIQ3_S
		}
	case fileIQ3_M:
		t = gguf.TypeQ4_K
	case fileQ3_K_M:
		t = gguf.TypeQ4_K
		if nth < 2 {
			t = gguf.TypeQ5_K
		}
	case fileQ3_K_L:
		t = gguf.TypeQ5_K
	case fileIQ4_NL, fileIQ4_XS:
		if shared {
			t = gguf.TypeQ5_K
		}
	case fileQ4_K_M, fileQ5_K_M:
		if moreBits(nth, v.values) {
			t = gguf.TypeQ6_K
		}
	case fileQ4_K_S:
		if nth < 4 {
			t = gguf.TypeQ5_K
		}
	}
	if v.model.is70B() && (t == gguf.TypeQ3_K || t == gguf.TypeQ4_K) {
		t = gguf.TypeQ5_K
	}
	if v.model.Experts == 8 {
		t = gguf.TypeQ8_0
	}
	return t
}

func queryOrKey(file uint32, t gguf.Type) gguf.Type {
	switch file {
	case fileIQ3_XS:
		return gguf.TypeIQ3_XXS
	case fileIQ3_XXS:
		return gguf.TypeIQ2_S
	}
	return t
}

func (v *visit) down(s *Site, t gguf.Type) (gguf.Type, error) {
	i, err := v.layer(s, &v.nthDown)
	if err != nil {
		return 0, err
	}
	n := v.model.Layers
	early, falcon := i < n/8, v.model.Arch == "falcon"
	switch v.recipe.FileType {
	case fileQ2_K:
		t = gguf.TypeQ3_K
	case fileQ2_K_S:
		if early {
			t = gguf.TypeQ4_K
		}
	case fileIQ3_XXS:
		switch {
		case v.options.Importance:
		case early:
			t = gguf.TypeQ4_K
		default:
			t = gguf.TypeQ3_K
		}
	case fileQ3_K_M:
		switch {
		case i < n/16:
			t = gguf.TypeQ5_K
		case !falcon || moreBits(i, n):
			t = gguf.TypeQ4_K
		default:
			t = gguf.TypeQ3_K
		}
	case fileIQ3_M:
		if early || v.model.Experts == 8 && moreBits(i, n) {
			t = gguf.TypeQ4_K
		}
	case fileQ3_K_L:
		t = gguf.TypeQ5_K
		if falcon {
			t = gguf.TypeQ4_K
		}
	case fileQ4_K_M:
		switch {
		case falcon && i < n/16:
			t = gguf.TypeQ6_K
		case falcon && moreBits(i, n):
			t = gguf.TypeQ5_K
		case falcon:
			t = gguf.TypeQ4_K
		case moreBits(i, n):
			t = gguf.TypeQ6_K
		}
	case fileIQ4_NL, fileIQ4_XS:
		if early && !v.options.Importance {
			t = gguf.TypeQ5_K
		}
	case fileQ5_K_M:
		if moreBits(i, n) {
			t = gguf.TypeQ6_K
		}
	case fileQ4_K_S:
		if early && !falcon {
			t = gguf.TypeQ5_K
		}
	case fileQ4_0:
		if early && v.options.Importance {
			t = gguf.TypeQ4_1
		}
	case fileQ5_0:
		if early && v.options.Importance {
			t = gguf.TypeQ5_1
		}
	}
	return t, nil
}

func (v *visit) attnOut(t gguf.Type) gguf.Type {
	file := v.recipe.FileType
	switch {
	case v.model.Arch == "falcon":
		if file == fileQ3_K_L {
			return gguf.TypeQ4_K
		}
	case v.model.Experts == 8:
		switch file {
		case fileQ2_K, fileIQ3_XS, fileIQ3_XXS, fileQ3_K_S, fileQ3_K_M, fileIQ4_NL, fileQ4_K_S, fileQ4_K_M, fileIQ3_S, fileIQ3_M, fileIQ4_XS:
			return gguf.TypeQ5_K
		}
	default:
		switch file {
		case fileQ2_K:
			return gguf.TypeQ3_K
		case fileIQ3_XXS:
			return gguf.TypeIQ3_S
		case fileQ3_K_M, fileIQ3_M:
			return gguf.TypeQ4_K
		case fileQ3_K_L:
			return gguf.TypeQ5_K
		}
	}
	return t
}

func (v *visit) gateOrUp(s *Site, t gguf.Type, nth *int64) (gguf.Type, error) {
	i, err := v.layer(s, nth)
	if n := v.model.Layers; v.recipe.FileType == fileIQ3_XS && i >= n/8 && i < 7*n/8 {
		t = gguf.TypeIQ3_XXS
	}
	return t, err
}
