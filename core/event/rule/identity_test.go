package rule

import (
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestIdentityIsWaitedFor: before a face was seen nobody is known or unknown, and the verdict says so.
func TestIdentityIsWaitedFor(t *testing.T) {
	t.Parallel()
	anna := nvr.Identity{State: nvr.IdentityKnown, PersonID: "1", Name: "Anna", Similarity: 0.87}
	stranger := nvr.Identity{State: nvr.IdentityUnknown}
	for _, c := range []struct {
		asked []string
		is    nvr.Identity
		alert bool
		says  string
	}{
		{nil, nvr.Identity{}, true, ""},
		{[]string{"unknown"}, nvr.Identity{}, false, "nobody was recognised yet, and unknown is asked for"},
		{[]string{"unknown"}, stranger, true, "it is nobody who is known"},
		{[]string{"unknown"}, anna, false, "it is Anna (similarity 0.87), and unknown is asked for"},
		{[]string{"known"}, anna, true, "it is Anna"},
		{[]string{"known"}, stranger, false, "it is nobody who is known, and known is asked for"},
		{[]string{"Ben", "anna"}, anna, true, "it is Anna"},
		{[]string{"Ben"}, anna, false, "and Ben is asked for"},
		{[]string{"Ben", "unknown"}, stranger, true, ""},
		{[]string{"Ben"}, nvr.Identity{}, false, "nobody was recognised yet"},
	} {
		r := strict()
		r.Identities, r.Cooldown = c.asked, 0
		f := facts()
		f.Identity = c.is
		v := set(t, r).Explain(f)[0]
		if v.Alert != c.alert || !strings.Contains(Why(v), c.says) {
			t.Errorf("%v of %+v: alert %v, %q", c.asked, c.is, v.Alert, Why(v))
		}
	}
}
