package plugincatalog

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// version is a semantic version (semver.org 2.0.0). Build metadata is not kept: it does not order.
type version struct {
	major, minor, patch int
	pre                 string
}

var versionPattern = regexp.MustCompile(
	`^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$`)

func parseVersion(s string) (version, bool) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil || len(s) > 64 {
		return version{}, false
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v } // the pattern holds
	return version{n(1), n(2), n(3), m[4]}, true
}

// compare is negative when v comes before w (§11 of the specification).
func (v version) compare(w version) int {
	if c := cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch)); c != 0 {
		return c
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	a, b := strings.Split(v.pre, "."), strings.Split(w.pre, ".")
	for i := range min(len(a), len(b)) {
		if c := comparePre(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// comparePre orders identifiers of a pre-release: numbers by value and before words.
func comparePre(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return strings.Compare(a, b)
}
