package arch

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestBlock compares the forward recipes with the numbers that transformers 4.57.6 computes for the
// same configs (attention scaling, attention_scaling of the rotary embedding, inv_freq[1]); the rest is
// read off the configs.
func TestBlock(t *testing.T) {
	for _, c := range []struct {
		recording string
		want      Block
		second    float64 // angle of the second pair at position 1
	}{
		{"qwen2", Block{Layers: 2, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5}, TiedOutput: true,
			Attention: Attention{Kind: GQA, Heads: 4, HeadsKV: 2, KeyDim: 8, ValueDim: 8, Scale: 0.3535533905932738, QKVBias: true},
			Rope:      Rope{Pairing: RopeHalves, Dims: 8, Base: 10000, Factor: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 48, false}}, 0.10000000149011612},
		{"qwen2-yarn", Block{Layers: 12, Width: 8, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5},
			Attention: Attention{Kind: GQA, Heads: 2, HeadsKV: 1, KeyDim: 4, ValueDim: 4, Scale: 0.5, QKVBias: true},
			Rope: Rope{Pairing: RopeHalves, Dims: 4, Base: 1e6, Scaling: RopeYaRN, Type: "yarn", Factor: 4, OrigContext: 32768,
				BetaFast: 32, BetaSlow: 1, Magnitude: 1.138629436111989}, MLP: MLP{GatedSiLU, 12, false}}, 0.0006250000442378223},
		{"llama31", Block{Layers: 2, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5}, TiedOutput: true,
			Attention: Attention{Kind: GQA, Heads: 4, HeadsKV: 2, KeyDim: 64, ValueDim: 64, Scale: 0.125},
			Rope:      Rope{Pairing: RopeNeighbours, Dims: 64, Base: 500000, Scaling: RopeDivided, Type: "llama3", Factor: 1, Magnitude: 1},
			MLP:       MLP{GatedSiLU, 48, false}}, 0},
		{"llama-bias", Block{Layers: 2, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5},
			Attention: Attention{Kind: GQA, Heads: 4, HeadsKV: 2, KeyDim: 16, ValueDim: 16, Scale: 0.25, QKVBias: true, OutBias: true},
			Rope:      Rope{Pairing: RopeNeighbours, Dims: 16, Base: 10000, Factor: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 48, true}}, 0},
		{"mistral-yarn", Block{Layers: 2, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5},
			Attention: Attention{Kind: GQA, Heads: 4, HeadsKV: 2, KeyDim: 8, ValueDim: 8, Scale: 0.3535533905932738, Window: 64},
			Rope: Rope{Pairing: RopeNeighbours, Dims: 8, Base: 10000, Scaling: RopeYaRN, Type: "yarn", Factor: 2, OrigContext: 128,
				BetaFast: 32, BetaSlow: 1, Magnitude: 0.7}, MLP: MLP{GatedSiLU, 48, false}}, 0},
		{"mixtral", Block{Layers: 3, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5},
			Attention: Attention{Kind: GQA, Heads: 4, HeadsKV: 2, KeyDim: 8, ValueDim: 8, Scale: 0.3535533905932738},
			Rope:      Rope{Pairing: RopeNeighbours, Dims: 8, Base: 10000, Factor: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 48, false},
			Experts: Experts{Count: 4, Used: 2, Width: 48, Gating: Softmax, Normalize: true, WeightScale: 1}}, 0.10000000149011612},
		{"deepseek3", Block{Layers: 12, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5},
			Attention: Attention{Kind: MLA, Heads: 4, HeadsKV: 4, KeyDim: 12, ValueDim: 6, Scale: 0.5409351154435204, QRank: 24, KVRank: 16, NopeDim: 8, RopeDim: 4},
			Rope: Rope{Pairing: RopeNeighbours, Dims: 4, Base: 10000, Scaling: RopeYaRN, Type: "yarn", Factor: 40, OrigContext: 4096,
				BetaFast: 32, BetaSlow: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 48, false},
			Experts: Experts{Count: 8, Used: 2, Width: 16, SharedWidth: 16, LeadingDense: 1, Gating: Sigmoid, Bias: true, Groups: 4, GroupsUsed: 2,
				GroupTop: 2, Normalize: true, WeightScale: 2.5}}, 0.005124999675899744},
		{"deepseek2", Block{Layers: 2, Width: 32, Vocab: 40, Context: 512, Norm: Norm{RMSNorm, 1e-5},
			Attention: Attention{Kind: MLA, Heads: 4, HeadsKV: 4, KeyDim: 12, ValueDim: 6, Scale: 0.28867513459481287, QRank: 24, KVRank: 16, NopeDim: 8, RopeDim: 4},
			Rope:      Rope{Pairing: RopeNeighbours, Dims: 4, Base: 10000, Factor: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 48, false},
			Experts: Experts{Count: 8, Used: 2, Width: 16, SharedWidth: 16, Gating: Softmax, Groups: 2, GroupsUsed: 1, GroupTop: 1, Normalize: true, WeightScale: 2.5}},
			0.009999999776482582},
		{"hunyuan-dense", Block{Layers: 2, Width: 32, Vocab: 40, Context: 262144, Norm: Norm{RMSNorm, 1e-5}, TiedOutput: true,
			Attention: Attention{Kind: GQA, Heads: 4, HeadsKV: 2, KeyDim: 16, ValueDim: 16, Scale: 0.25, QKNorm: QKNormAfterRope},
			Rope:      Rope{Pairing: RopeHalves, Dims: 16, Base: 26826957.952797, Type: "dynamic", Factor: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 48, false}},
			0.11787686496973038},
		{"hunyuan-moe", Block{Layers: 2, Width: 256, Vocab: 40, Context: 262144, Norm: Norm{RMSNorm, 1e-5}, TiedOutput: true,
			Attention: Attention{Kind: GQA, Heads: 2, HeadsKV: 1, KeyDim: 128, ValueDim: 128, Scale: 1 / math.Sqrt(128), QKNorm: QKNormAfterRope},
			Rope:      Rope{Pairing: RopeHalves, Dims: 128, Base: 11158839.92507748, Type: "dynamic", Factor: 1, Magnitude: 1}, MLP: MLP{GatedSiLU, 16, false},
			Experts: Experts{Count: 4, Used: 2, Width: 16, SharedWidth: 16, Gating: Softmax, Normalize: true, WeightScale: 1}}, 0},
	} {
		t.Run(c.recording, func(t *testing.T) {
			g := readGolden(t, "testdata/"+c.recording+".tsv")
			got := bindConfig(t, g.config, g.src).Block
			near := func(name string, a *float64, b float64) {
				if math.Abs(*a-b) > 1e-9*math.Abs(b) {
					t.Errorf("%s is %v, want %v", name, *a, b)
				}
				*a = b
			}
			near("attention scale", &got.Attention.Scale, c.want.Attention.Scale)
			near("rope base", &got.Rope.Base, c.want.Rope.Base)
			near("rope magnitude", &got.Rope.Magnitude, c.want.Rope.Magnitude)
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("\n got %+v\nwant %+v", got, c.want)
			}
			if c.second != 0 {
				if a := secondAngle(&got.Rope); math.Abs(a-c.second) > 1e-6*c.second {
					t.Errorf("the second pair turns by %v, transformers says %v", a, c.second)
				}
			}
		})
	}
}

// secondAngle computes the angle of pair 1 at position 1 as Rope's comment defines it.
func secondAngle(r *Rope) float64 {
	angle := math.Pow(r.Base, -2/float64(r.Dims))
	if r.Scaling != RopeYaRN {
		return angle
	}
	dim := func(turns float64) float64 {
		return float64(r.Dims) * math.Log(float64(r.OrigContext)/(turns*2*math.Pi)) / (2 * math.Log(r.Base))
	}
	low := math.Max(0, math.Floor(dim(r.BetaFast)))
	high := math.Min(float64(r.Dims-1), math.Ceil(dim(r.BetaSlow)))
	ramp := 1 - math.Min(1, math.Max(0, (1-low)/math.Max(0.001, high-low)))
	return ramp*angle + (1-ramp)*angle/r.Factor
}

// TestBindingNumbers: what type selection asks for.
func TestBindingNumbers(t *testing.T) {
	for recording, want := range map[string]string{
		"qwen2": "qwen2 qwen2 2 4 2 0", "mixtral": "llama llama 3 4 2 4", "deepseek3": "deepseek2 deepseek2 12 4 1 8",
		"hunyuan-dense": "hunyuan-dense hunyuan-dense 2 4 2 0", "hunyuan-moe": "hunyuan-moe hunyuan-moe 2 2 1 4",
	} {
		g := readGolden(t, "testdata/"+recording+".tsv")
		b := bindConfig(t, g.config, g.src)
		if got := fmt.Sprint(b.Arch, " ", b.Vocab, " ", b.Layers, " ", b.Heads, " ", b.HeadsKV, " ", b.Experts); got != want {
			t.Errorf("%s: %s, want %s", recording, got, want)
		}
	}
	g := readGolden(t, "testdata/qwen2.tsv")
	cfg := edited(t, edited(t, edited(t, g.config, "use_sliding_window", "true"), "sliding_window", "128"), "max_window_layers", "1")
	if a := bindConfig(t, cfg, g.src).Block.Attention; a.Window != 128 || a.WindowFrom != 1 {
		t.Errorf("window %d from layer %d", a.Window, a.WindowFrom)
	}
	// every source is used once: by a target, as a scale, or dropped
	for _, recording := range []string{"deepseek3-fp8", "llama2", "llama-text-config", "mixtral"} {
		g := readGolden(t, "testdata/"+recording+".tsv")
		b := bindConfig(t, g.config, g.src)
		used := map[int]bool{}
		for i := range b.Targets {
			for k, s := range b.Targets[i].Src {
				used[s] = true
				if c := b.Targets[i].Scale[k]; c >= 0 {
					used[c] = true
				}
			}
		}
		dropped := strings.Join(b.Dropped, "\n") + "\n"
		for i, s := range g.src {
			mtp := recording == "deepseek3-fp8" && strings.HasPrefix(s.Name, "model.layers.2.") && strings.HasSuffix(s.Name, "_scale_inv")
			if !mtp && used[i] == strings.Contains(dropped, s.Name+"\n") {
				t.Errorf("%s: %s is used %v and dropped %v", recording, s.Name, used[i], !used[i])
			}
		}
	}
}
