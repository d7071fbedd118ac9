package chat

// expr is a node of an expression.
type expr interface{ line() int }

// pos is the line that a node begins in.
type pos int

func (p pos) line() int { return int(p) }

type (
	constExpr struct {
		pos
		val value // nil, bool, int64, float64 or string
	}
	nameExpr struct {
		pos
		name string
	}
	tupleExpr struct {
		pos
		items []expr
	}
	listExpr struct {
		pos
		items []expr
	}
	dictExpr struct {
		pos
		keys, vals []expr
	}
	unaryExpr struct { // "-", "+", "not"
		pos
		op string
		x  expr
	}
	binaryExpr struct { // arithmetic, "and", "or"
		pos
		op   string
		x, y expr
	}
	concatExpr struct { // a ~ b ~ c
		pos
		items []expr
	}
	compareExpr struct { // x op[0] ys[0] op[1] ys[1] ...: each holds between neighbours
		pos
		x   expr
		ops []string
		ys  []expr
	}
	condExpr struct { // x if test else y; y may be missing
		pos
		test, x, y expr
	}
	attrExpr struct { // x.name
		pos
		x    expr
		name string
	}
	itemExpr struct { // x[key]
		pos
		x, key expr
	}
	sliceExpr struct { // x[from:to:step], each may be missing
		pos
		x, from, to, step expr
	}
	callExpr struct {
		pos
		x    expr
		args args
	}
	filterExpr struct {
		pos
		x    expr // nil in {% filter %} and {% set %} blocks: the text of the block
		name string
		args args
	}
	testExpr struct {
		pos
		x    expr
		name string
		args args
		not  bool
	}
)

// args are the arguments of a call as they are written.
type args struct {
	items []expr
	names []string // of the named ones
	named []expr
}

// stmt is a node of the template's text.
type stmt interface{ line() int }

type (
	textStmt struct {
		pos
		text string
	}
	printStmt struct {
		pos
		x expr
	}
	ifStmt struct {
		pos
		tests  []expr
		bodies [][]stmt // one more than tests when there is an else
	}
	forStmt struct {
		pos
		target target
		iter   expr
		test   expr // may be nil
		body   []stmt
		orElse []stmt
	}
	setStmt struct {
		pos
		target target
		x      expr
	}
	setBlockStmt struct {
		pos
		target target
		filter *filterExpr // may be nil
		body   []stmt
	}
	withStmt struct {
		pos
		targets []target
		vals    []expr
		body    []stmt
	}
	filterStmt struct {
		pos
		filter *filterExpr
		body   []stmt
	}
	scopeStmt struct { // {% generation %}: a scope of its own
		pos
		body []stmt
	}
	macroStmt struct {
		pos
		name     string
		params   []string
		defaults []expr // of the last parameters
		body     []stmt
	}
	jumpStmt struct { // break, continue
		pos
		to jump
	}
)

// target is what a value is assigned to: a name, an attribute of a namespace, or several targets.
type target struct {
	pos
	name  string
	attr  string
	items []target
	tuple bool
}

// jump says how a list of statements ended.
type jump uint8

const (
	onward jump = iota
	toBreak
	toContinue
)
