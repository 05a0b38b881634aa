package detect

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// message writes protobuf fields one after the other.
type message []byte

func (m message) num(field protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), v)
}

func (m message) bytes(field protowire.Number, v []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), v)
}

func (m message) text(field protowire.Number, v string) message { return m.bytes(field, []byte(v)) }

// tinyModel is an ONNX file (onnx.proto3, IR version 8) that takes a 64x64 picture and answers with a constant: three
// classes, 84 boxes. names is its metadata.
func tinyModel(v8 bool, names string) []byte {
	shape := []uint64{1, 84, 8}
	if v8 {
		shape = []uint64{1, 7, 84}
	}
	value := func(name string, dims ...uint64) message {
		var s message
		for _, d := range dims {
			s = s.bytes(1, message{}.num(1, d))
		}
		tensor := message{}.num(1, 1).bytes(2, s)
		return message{}.text(1, name).bytes(2, message{}.bytes(1, tensor))
	}
	var raw []byte
	weights := message{}
	n := uint64(1)
	for _, d := range shape {
		weights = weights.num(1, d)
		n *= d
	}
	for i := range n {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(i%17)/17))
	}
	weights = weights.num(2, 1).text(8, "w").bytes(9, raw)
	node := message{}.text(1, "w").text(2, "output").text(4, "Identity")
	graph := message{}.bytes(1, node).text(2, "g").bytes(5, weights).bytes(11, value("images", 1, 3, 64, 64)).bytes(12, value("output", shape...))
	m := message{}.num(1, 8).bytes(7, graph).bytes(8, message{}.num(2, 13))
	if names != "" {
		m = m.bytes(14, message{}.text(1, "names").text(2, names))
	}
	return m
}

func TestTinyModelsOpen(t *testing.T) {
	lib := library(t)
	for _, v8 := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "tiny.onnx")
		if err := os.WriteFile(path, tinyModel(v8, "{0: 'a', 1: 'b', 2: 'c'}"), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := OpenModel(lib, path, "")
		if err != nil {
			t.Fatal(err)
		}
		if (m.Layout == LayoutV8) != v8 || m.Width != 64 || len(m.Labels) != 3 || m.Labels[2] != "c" {
			t.Errorf("%+v", m)
		}
	}
}

// A model file is refused with a sentence, or it works: sessions of it run.
func FuzzModelFile(f *testing.F) {
	lib := library(f)
	whole := tinyModel(true, "{0: 'a', 1: 'b', 2: 'c'}")
	f.Add(whole)
	f.Add(tinyModel(false, ""))
	f.Add(whole[:len(whole)/2])
	f.Add(bytes.Replace(whole, []byte("Identity"), []byte("Sigmoids"), 1))
	f.Add([]byte{})
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	path := filepath.Join(f.TempDir(), "model.onnx")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := OpenModel(lib, path, "")
		if err != nil {
			if len(err.Error()) < 20 {
				t.Fatalf("no sentence: %q", err)
			}
			return
		}
		if len(m.Labels) == 0 || m.Width%32 != 0 || m.Height%32 != 0 || m.Width > maxInputSide || m.Height > maxInputSide {
			t.Fatalf("accepted %+v", m)
		}
		s, err := newSession(m, 1, 0.2, 0.45)
		if err != nil {
			t.Fatalf("an accepted model gives no session: %v", err)
		}
		defer s.close()
		if err := s.warm(); err != nil {
			t.Fatalf("an accepted model does not run: %v", err)
		}
		s.decoder.decode(s.answer(0))
	})
}

// Names in a model's metadata are complete or ignored.
func FuzzNames(f *testing.F) {
	f.Add("{0: 'person', 1: \"driver's door\"}", uint8(2))
	f.Add("{0: 'a', 0: 'b'}", uint8(2))
	f.Add("{1: ''}", uint8(1))
	f.Add(`{0: 'it\'s', 1: 'b'}`, uint8(2))
	f.Fuzz(func(t *testing.T, s string, count uint8) {
		names := parseNames(s, int(count))
		if names == nil {
			return
		}
		if len(names) != int(count) {
			t.Fatalf("%d names for %d classes", len(names), count)
		}
		for _, n := range names {
			if n == "" {
				t.Fatal("a class without a name")
			}
		}
	})
}
