// Package verify finds out how far a GGUF file is from what it was made of: whether it is whole, whether its keys and
// tensors are those of the source, how far every tensor, every layer's output and every prediction is from the source's.
package verify

// Report is all that was found. Its JSON is what --json and the page of --report hold; a figure that is not finite is null there.
type Report struct {
	Version string   `json:"version"` // of qconv
	Command []string `json:"command"` // as it was given, the program first
	Started string   `json:"started"` // RFC 3339, UTC; "" in reports that must not depend on the clock

	File          string  `json:"file"`    // base name
	Against       string  `json:"against"` // base name of the source; "" without
	Arch          string  `json:"architecture"`
	Type          string  `json:"file_type"`
	Bytes         int64   `json:"bytes"` // of all parts
	Weights       int64   `json:"weights"`
	BitsPerWeight float64 `json:"bits_per_weight"`
	SHA256        string  `json:"sha256,omitempty"` // of the whole file, of one part; lower-case hex

	Pass     bool      `json:"pass"`
	Checks   []Check   `json:"checks"`   // in the order in which they ran
	Findings []Finding `json:"findings"` // what is wrong; empty when Pass
	Notices  []string  `json:"notices"`  // what a person should know, but is not wrong
	Gates    []Gate    `json:"gates"`    // bounds that were given

	Tensors    []Tensor    `json:"tensors"`              // in order of the file; errors only with a source
	Text       *Text       `json:"text,omitempty"`       // what was evaluated
	Layers     []Layer     `json:"layers,omitempty"`     // with a text and a source
	Perplexity *Perplexity `json:"perplexity,omitempty"` // with a text, without a source
	Divergence *Divergence `json:"divergence,omitempty"` // with a text and a source
}

// Check is one thing that was looked at.
type Check struct {
	Name string `json:"name"`           // such as "structure", "blocks", "keys", "tensors", "layers", "divergence"
	OK   bool   `json:"ok"`             // it found nothing wrong
	Text string `json:"text,omitempty"` // what was looked at, in a few words: "290 tensors, 1,234 MiB"
}

// Finding is one thing that is wrong.
type Finding struct {
	Check  string `json:"check"`
	Tensor string `json:"tensor,omitempty"` // or the key
	Text   string `json:"text"`             // one line: what was found, what was expected
}

// Gate is a bound of the command line and the figure that it bounds.
type Gate struct {
	Flag  string  `json:"flag"` // such as "--max-kld"
	Name  string  `json:"name"` // such as "mean KL divergence"
	Value float64 `json:"value"`
	Bound float64 `json:"bound"`
	Least bool    `json:"least"`           // Bound is a lower one
	Where string  `json:"where,omitempty"` // the worst layer, or the tensor
	OK    bool    `json:"ok"`
}

// Tensor is a tensor of the file. Errors are those of its decoded values against the source's, after the same transforms.
type Tensor struct {
	Name   string  `json:"name"`
	Layer  int     `json:"layer"` // -1 outside the layers
	Type   string  `json:"type"`
	Shape  []int64 `json:"shape"` // innermost first
	Bytes  int64   `json:"bytes"`
	Bits   float64 `json:"bits_per_weight"`
	SHA256 string  `json:"sha256,omitempty"` // of its bytes, as qconv hash prints it

	Compared bool    `json:"compared"`       // the figures below are there
	RMSE     float64 `json:"relative_rmse"`  // sqrt(Σ(q-s)² / Σs²)
	Cosine   float64 `json:"cosine"`         // Σqs / sqrt(Σq²·Σs²)
	Largest  float64 `json:"largest_error"`  // max |q-s|
	WorstRow int64   `json:"worst_row"`      // the row with the largest relative RMSE
	RowRMSE  float64 `json:"worst_row_rmse"` // its relative RMSE
	Remade   string  `json:"remade"`         // whether this version makes the same bytes of the source: "same", "different", "unknown"
}

// Text is what both models read.
type Text struct {
	File    string `json:"file"`
	SHA256  string `json:"sha256"`
	Windows int    `json:"windows"`
	Context int    `json:"context"`
	Score   string `json:"score"` // second-half or all
	Scored  int    `json:"scored_tokens"`
}

// Layer compares the residual stream behind a layer in both models: every token's vector q with the source's s.
type Layer struct {
	Number int     `json:"layer"`
	Error  float64 `json:"relative_error"` // mean of ‖q-s‖/‖s‖
	Cosine float64 `json:"cosine"`         // mean of q·s/(‖q‖‖s‖)
	Worst  float64 `json:"worst_error"`    // largest ‖q-s‖/‖s‖
	Window int     `json:"worst_window"`   // where that is
	Token  int     `json:"worst_position"`
}

// Estimate is a figure with its standard error.
type Estimate struct {
	Value float64 `json:"value"`
	Error float64 `json:"standard_error"`
}

// Perplexity is that of a file on its own.
type Perplexity struct {
	Estimate
	NLL float64 `json:"mean_nll"`
}

// Divergence is what llama-perplexity --kl-divergence reports, from the logits of both models for the same tokens. p is the
// source's distribution, q the file's; sums and logarithms are in float64.
type Divergence struct {
	Tokens int `json:"tokens"` // scored

	Perplexity Estimate `json:"perplexity"`            // of the file
	Source     Estimate `json:"perplexity_source"`     //
	Correlated float64  `json:"correlation"`           // of both models' ln p(token)
	LnRatio    Estimate `json:"ln_perplexity_ratio"`   // file / source
	Ratio      Estimate `json:"perplexity_ratio"`      //
	Difference Estimate `json:"perplexity_difference"` //

	KLD       Estimate   `json:"kl_divergence"`           // mean of Σ p·ln(p/q), in nats
	KLDs      []Quantile `json:"kl_divergence_quantiles"` // maximum, 99.9 %, 99, 95, 90, median, 10, 5, 1, 0.1, minimum
	Histogram []Bin      `json:"kl_divergence_histogram"`

	Delta    Estimate   `json:"probability_difference"`           // mean of q(token) - p(token)
	Deltas   []Quantile `json:"probability_difference_quantiles"` // maximum, 99.9 %, 99, 95, 90, 75, median, 25, 10, 5, 1, 0.1, minimum
	DeltaRMS Estimate   `json:"probability_difference_rms"`

	Top []Agreement `json:"top"` // k = 1, 5, 10
}

// Quantile is the value that a share of the tokens is not above; linear between two tokens.
type Quantile struct {
	Share float64 `json:"share"` // 1 is the maximum
	Value float64 `json:"value"`
}

// Bin counts the tokens from From up to To, which belongs to the next one.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int     `json:"count"`
}

// Agreement is how much of the K likeliest tokens both models share: for K = 1 the share of tokens with the same first.
type Agreement struct {
	K int `json:"k"`
	Estimate
}
