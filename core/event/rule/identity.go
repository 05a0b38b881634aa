package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// knows reports whether somebody is one of those asked for. While nobody was recognised it holds for nobody: the
// rule waits for the faces that are still to come.
func knows(asked []string, id nvr.Identity) bool {
	switch id.State {
	case nvr.IdentityKnown:
		return slices.ContainsFunc(asked, func(want string) bool {
			return want == string(nvr.IdentityKnown) || strings.EqualFold(want, id.Name)
		})
	case nvr.IdentityUnknown:
		return slices.Contains(asked, string(nvr.IdentityUnknown))
	case nvr.IdentityNone:
	}
	return false
}

func who(id nvr.Identity) string {
	switch id.State {
	case nvr.IdentityKnown:
		return fmt.Sprintf("it is %s (similarity %.2f)", id.Name, id.Similarity)
	case nvr.IdentityUnknown:
		return "it is nobody who is known"
	case nvr.IdentityNone:
	}
	return "nobody was recognised yet"
}
