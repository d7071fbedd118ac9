module github.com/qconv/qconv

go 1.26
