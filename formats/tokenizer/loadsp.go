package tokenizer

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
)

// Types of a SentencePiece piece; the same numbers as tokenizer.ggml.token_type.
const (
	kindNormal      = 1
	kindUnknown     = 2
	kindControl     = 3
	kindUserDefined = 4
	kindUnused      = 5
	kindByte        = 6
)

// Algorithms of a SentencePiece model.
const (
	spUnigram = 1
	spBPE     = 2
)

const spName = "tokenizer.model"

type spPiece struct {
	text  string
	score float32
	kind  int32 // kindNormal ...
}

// spFile is a SentencePiece model, tokenizer.model.
type spFile struct {
	name         string    // of the file
	pieces       []spPiece // by id
	algorithm    int32     // spUnigram, spBPE, 3 word, 4 char
	byteFallback bool
	unkSurface   string // what Decode prints for the unknown token
	normalizer   string // name of the normalization rule, such as identity or nmt_nfkc
	charsmap     []byte // precompiled rules; empty for identity
	dummyPrefix  bool   // a space is put before the text
	squeeze      bool   // remove_extra_whitespaces
	escape       bool   // spaces become U+2581
	suffix       bool   // treat_whitespace_as_suffix
	bos, eos     int64  // ids; -1: there is none
}

// readSP reads tokenizer.model; nil when there is none. A tokenizer.model that is a tiktoken rank
// file (Llama 3's original form) gives nil too: tokenizer.json beside it has the same content.
func readSP(src hf.Source) (*spFile, error) {
	data, found, err := hf.ReadFile(src, spName, hf.TokenizerLimit)
	if err != nil || !found || isRanks(data) {
		return nil, err
	}
	return parseSP(data, spName)
}

// protoField is one field of a protobuf message; bytes for wire type 2, else number.
type protoField struct {
	tag    int32
	wire   uint8
	bytes  []byte
	number uint64
}

// protoFields calls f for each field of a message.
func protoFields(msg []byte, f func(protoField) error) error {
	for pos := 0; pos < len(msg); {
		key, n := binary.Uvarint(msg[pos:])
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29-1 {
			return fault.New(fault.Malformed, "", "not a protobuf field").At(int64(pos))
		}
		pos += n
		p := protoField{tag: int32(key >> 3), wire: uint8(key & 7)}
		left := uint64(len(msg) - pos)
		switch p.wire {
		case 0:
			if p.number, n = binary.Uvarint(msg[pos:]); n <= 0 {
				return fault.New(fault.Malformed, "", "field %d ends early", p.tag).At(int64(pos))
			}
			pos += n
		case 1:
			if left < 8 {
				return fault.New(fault.Malformed, "", "field %d ends early", p.tag).At(int64(pos))
			}
			p.number = binary.LittleEndian.Uint64(msg[pos:])
			pos += 8
		case 2:
			size, n := binary.Uvarint(msg[pos:])
			if n <= 0 || size > left-uint64(n) {
				return fault.New(fault.Malformed, "", "field %d holds %d bytes, %d are left", p.tag, size, left).At(int64(pos))
			}
			pos += n
			p.bytes = msg[pos : pos+int(size)]
			pos += int(size)
		case 5:
			if left < 4 {
				return fault.New(fault.Malformed, "", "field %d ends early", p.tag).At(int64(pos))
			}
			p.number = uint64(binary.LittleEndian.Uint32(msg[pos:]))
			pos += 4
		default:
			return fault.New(fault.Malformed, "", "field %d has wire type %d", p.tag, p.wire).At(int64(pos))
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// parseSP reads ModelProto: pieces (1), trainer_spec (2), normalizer_spec (3).
func parseSP(data []byte, name string) (*spFile, error) {
	f := &spFile{name: name, algorithm: spUnigram, unkSurface: " \u2047 ", dummyPrefix: true, squeeze: true, escape: true, bos: 1, eos: 2}
	err := protoFields(data, func(p protoField) error {
		switch {
		case p.wire != 2:
		case p.tag == 1:
			return f.addPiece(p.bytes)
		case p.tag == 2:
			return f.trainerSpec(p.bytes)
		case p.tag == 3:
			return f.normalizerSpec(p.bytes)
		}
		return nil
	})
	if err == nil && len(f.pieces) == 0 {
		err = fault.New(fault.Malformed, name, "holds no pieces: it is no SentencePiece model")
	}
	if e, ok := err.(*fault.Error); ok {
		if e.File == "" {
			e.File, e.Off = name, -1 // offsets inside a nested message mean nothing outside
		}
		return nil, e
	}
	return f, err
}

func (f *spFile) addPiece(msg []byte) error {
	if len(f.pieces) >= MaxTokens {
		return fault.New(fault.Limit, "", "more than %d pieces", MaxTokens)
	}
	p := spPiece{kind: kindNormal}
	err := protoFields(msg, func(field protoField) error {
		switch {
		case field.tag == 1 && field.wire == 2:
			p.text = string(field.bytes)
		case field.tag == 2 && field.wire == 5:
			p.score = math.Float32frombits(uint32(field.number))
		case field.tag == 3 && field.wire == 0:
			p.kind = int32(min(field.number, math.MaxInt32))
		}
		return nil
	})
	id := len(f.pieces)
	switch {
	case err != nil:
	case p.kind < kindNormal || p.kind > kindByte:
		err = fault.New(fault.Malformed, "", "piece %d has type %d, expected 1 to 6", id, p.kind)
	case !utf8.ValidString(p.text):
		err = fault.New(fault.Malformed, "", "piece %d is not UTF-8", id)
	case p.score != p.score:
		err = fault.New(fault.Malformed, "", "piece %d has the score NaN", id)
	}
	f.pieces = append(f.pieces, p)
	return err
}

func (f *spFile) trainerSpec(msg []byte) error {
	return protoFields(msg, func(p protoField) error {
		switch {
		case p.tag == 3 && p.wire == 0:
			f.algorithm = int32(min(p.number, math.MaxInt32))
		case p.tag == 24 && p.wire == 0:
			f.suffix = p.number != 0
		case p.tag == 35 && p.wire == 0:
			f.byteFallback = p.number != 0
		case p.tag == 41 && p.wire == 0:
			f.bos = int64(int32(p.number)) // int32 fields are sign-extended to 64 bits
		case p.tag == 42 && p.wire == 0:
			f.eos = int64(int32(p.number))
		case p.tag == 44 && p.wire == 2:
			f.unkSurface = string(p.bytes)
		}
		return nil
	})
}

func (f *spFile) normalizerSpec(msg []byte) error {
	return protoFields(msg, func(p protoField) error {
		switch {
		case p.tag == 1 && p.wire == 2:
			f.normalizer = string(p.bytes)
		case p.tag == 2 && p.wire == 2:
			f.charsmap = append([]byte(nil), p.bytes...)
		case p.tag == 3 && p.wire == 0:
			f.dummyPrefix = p.number != 0
		case p.tag == 4 && p.wire == 0:
			f.squeeze = p.number != 0
		case p.tag == 5 && p.wire == 0:
			f.escape = p.number != 0
		}
		return nil
	})
}
