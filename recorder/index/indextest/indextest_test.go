package indextest

import (
	"testing"

	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
)

func TestMemindex(t *testing.T) { Run(t, memindex.New()) }
