// Package treekit holds what tree learners share: binned columns, flat trees, their scores and exact attributions.
//
// Growing a tree needs values as small numbers. [Bin] turns a table into [Bins]: at most 255 bins a column and one more
// for missing values, as one slice per column (to partition rows) and as narrow rows side by side (to count histograms):
//
//	table            Cuts               Cols[c][row]        Groups[g].Rows
//	age   41 NaN 29   ≤30 | ≤45 | more   1 3 0              row 0:  1 0 · · · · · ·
//	city  沪 京  沪    沪→0 京→1           0 1 0              row 1:  3 1 · · · · · ·
//
// Scoring works on raw values again: an [Ensemble] of flat [Tree]s keeps thresholds, not bins, so it stands alone.
package treekit
