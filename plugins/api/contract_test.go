package api

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

const contractFile = "v1.contract"

// TestVersionOneOnlyGrows compares version 1 with what it has ever been: a line that is in the file and no longer in
// the contract would break plugins that people have installed, as would a field with another type or number. make gen
// adds new lines and never removes one.
func TestVersionOneOnlyGrows(t *testing.T) {
	var now []string
	for _, f := range []protoreflect.FileDescriptor{pluginv1.File_v1_notifier_proto, pluginv1.File_v1_host_proto} {
		now = append(now, elements(f)...)
	}
	slices.Sort(now)
	b, err := os.ReadFile(contractFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	ever := strings.Split(strings.TrimSpace(string(b)), "\n")
	for _, line := range ever {
		if line != "" && !slices.Contains(now, line) {
			t.Errorf("this was in version 1 and must stay: %s", line)
		}
	}
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(contractFile, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil { //nolint:gosec // a source file
			t.Fatal(err)
		}
		return
	}
	for _, line := range now {
		if !slices.Contains(ever, line) {
			t.Errorf("this is new in version 1, run `make gen`: %s", line)
		}
	}
}

// elements lists what the wire depends on.
func elements(f protoreflect.FileDescriptor) (out []string) {
	for i := range f.Services().Len() {
		methods := f.Services().Get(i).Methods()
		for j := range methods.Len() {
			m := methods.Get(j)
			out = append(out, fmt.Sprintf("rpc %s(%s) %s stream=%v,%v", m.FullName(), m.Input().FullName(), m.Output().FullName(), m.IsStreamingClient(), m.IsStreamingServer()))
		}
	}
	for i := range f.Enums().Len() {
		values := f.Enums().Get(i).Values()
		for j := range values.Len() {
			out = append(out, fmt.Sprintf("enum %s = %d", values.Get(j).FullName(), values.Get(j).Number()))
		}
	}
	for i := range f.Messages().Len() {
		m := f.Messages().Get(i)
		out = append(out, "message "+string(m.FullName()))
		for j := range m.Fields().Len() {
			x := m.Fields().Get(j)
			typ := x.Kind().String()
			switch {
			case x.Message() != nil:
				typ = string(x.Message().FullName())
			case x.Enum() != nil:
				typ = string(x.Enum().FullName())
			}
			out = append(out, fmt.Sprintf("field %s = %d %v %s", x.FullName(), x.Number(), x.Cardinality(), typ))
		}
	}
	return out
}
