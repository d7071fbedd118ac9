module github.com/qconv/qconv/quantize/internal/kernel/_neon

go 1.26
