package config

import (
	"slices"
	"strings"
)

// listMost bounds the list in an error: behind it the names are too many to be read.
const listMost = 40

// choices says what got could be instead, in the words of an error: the nearest name, and all there are. kind is the plural of
// what they name.
func choices(got, kind string, names []string) string {
	if len(names) == 0 {
		return "there are none"
	}
	text := kind + " are " + strings.Join(names[:min(len(names), listMost)], ", ")
	if more := len(names) - listMost; more > 0 {
		text += ", …"
	}
	if near := nearest(got, names); near != "" {
		return "did you mean " + near + "? " + text
	}
	return text
}

// DidYouMean ends a sentence about a name that is none of names: "; did you mean person?", or "" when none is near.
func DidYouMean(got string, names []string) string {
	if near := nearest(got, names); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// nearest returns the name that got is a slip of the pen of, or "" when none is near: at most one change in three characters.
func nearest(got string, names []string) string {
	best, least := "", max(1, len([]rune(got))/3)+1
	for _, name := range names {
		if d := edits(strings.ToLower(got), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// edits is the distance of Damerau and Levenshtein in the form of optimal string alignment: how many characters must be put in,
// left out, changed or swapped with their neighbour to make b of a.
func edits(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for k := range last {
		last[k] = k
	}
	for i := range s {
		row[0] = i + 1
		for k := range t {
			change := last[k]
			if s[i] != t[k] {
				change++
			}
			row[k+1] = min(change, last[k+1]+1, row[k]+1)
			if i > 0 && k > 0 && s[i] == t[k-1] && s[i-1] == t[k] {
				row[k+1] = min(row[k+1], before[k-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// known refuses what is not one of the names; missing begins the sentence.
func (v *validator) known(path, got string, names []string, missing, kind string) {
	if !slices.Contains(names, got) {
		v.add(path, "%s %s; %s", missing, got, choices(got, kind, names))
	}
}
