package arch

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// What decoders with grouped-query attention have in common.

// decoderNums are their numbers.
var decoderNums = []Num{
	{Name: "num_hidden_layers", From: []string{"n_layers", "num_hidden_layers", "n_layer", "num_layers"}, Min: 1, Max: maxLayers},
	{Name: "hidden_size", From: []string{"hidden_size", "n_embd", "dim"}, Min: 1, Max: maxWidth},
	{Name: "vocab_size", Min: 1, Max: maxVocab},
	{Name: "intermediate_size", Min: 1, Max: maxWidth},
	{Name: "num_attention_heads", From: []string{"num_attention_heads", "n_head", "n_heads"}, Min: 1, Max: maxWidth},
	{Name: "num_key_value_heads", From: []string{"num_key_value_heads", "n_kv_heads"}, Default: "num_attention_heads", Min: 1, Max: maxWidth},
	{Name: "head_dim", Default: "hidden_size/num_attention_heads", Min: 2, Max: maxWidth},
}

// with gives nums and more behind them.
func with(nums []Num, more ...Num) []Num { return append(append([]Num(nil), nums...), more...) }

// checkHeads checks how heads are shared and rotated.
func checkHeads(m *Model) error {
	q, kv, dim := m.Num("num_attention_heads"), m.Num("num_key_value_heads"), m.Num("head_dim")
	if q%kv != 0 {
		return fault.New(fault.Malformed, configFile, "num_attention_heads is %d, expected a multiple of num_key_value_heads = %d", q, kv)
	}
	if dim%2 != 0 {
		return fault.New(fault.Malformed, configFile, "head_dim is %d, expected an even number", dim)
	}
	return checkEps(m)
}

// checkEps demands the epsilon that every norm adds.
func checkEps(m *Model) error {
	v := m.value("rms_norm_eps", "norm_eps")
	if !v.Present() {
		return fault.New(fault.Malformed, configFile, "rms_norm_eps is missing, expected a number")
	}
	f, err := float("rms_norm_eps", v)
	if err == nil && f < 0 {
		err = fault.New(fault.Malformed, configFile, "rms_norm_eps is %v, expected a number that is not negative", f)
	}
	return err
}

// window reads the sliding window.
func (b *Block) window(m *Model) {
	if n, ok := m.value("sliding_window").Int64(); ok && n > 0 && n <= math.MaxUint32 {
		b.Attention.Window = n
	}
}

// checkExperts checks a router's numbers: count is the Num that counts experts, used names the config
// value of how many a token takes. Groups, where the config has them, are equal runs of experts.
func (m *Model) checkExperts(count string, used ...string) error {
	n := m.Num(count)
	v, name := named(m.values, used)
	if v.Kind == strictjson.Array && len(v.Items) > 0 {
		v = v.Items[0]
	}
	k, err := integer(name, v, 1, maxExperts)
	if err != nil {
		return err
	}
	if k > n {
		return fault.New(fault.Malformed, configFile, "%s is %d, expected at most %s = %d", name, k, count, n)
	}
	groups := m.value("n_group")
	if !groups.Present() {
		return nil
	}
	g, err := integer("n_group", groups, 1, maxExperts)
	if err != nil || g == 1 {
		return err
	}
	if n%g != 0 {
		return fault.New(fault.Malformed, configFile, "n_group is %d, expected a divisor of %s = %d", g, count, n)
	}
	k, err = integer("topk_group", m.value("topk_group"), 1, maxExperts)
	if err == nil && k > g {
		err = fault.New(fault.Malformed, configFile, "topk_group is %d, expected at most n_group = %d", k, g)
	}
	return err
}
