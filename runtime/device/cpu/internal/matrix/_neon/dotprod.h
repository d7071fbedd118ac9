// For processors with FEAT_DotProd: SDOT multiplies four bytes with four. Values are 256·high + low, so sums of products
// with high bytes are shifted before those with low ones join.
#include "matrix.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
