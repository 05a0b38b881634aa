package face

import (
	"bytes"
	"image"
	"image/gif"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestUploadsThatAreNotWhole: OpenCV takes half a JPEG and paints the rest grey, which must not become somebody's face. What
// telephones append to a picture does not make it bad.
func TestUploadsThatAreNotWhole(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(footage.Dir(t), "faces", "obama_1.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	var moving bytes.Buffer
	if err := gif.Encode(&moving, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	thumbnail := append([]byte{0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 1}, whole[2:]...) // the end of another picture in a comment
	thumbnail = append([]byte{0xff, 0xd8}, thumbnail...)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"whole":                {whole, ""},
		"with a trailer":       {append(bytes.Clone(whole), 1, 2, 0xff), ""},
		"with a thumbnail":     {thumbnail, ""},
		"half":                 {whole[:len(whole)/2], "only a part of it came"},
		"half with thumbnail":  {thumbnail[:len(thumbnail)/2], "only a part of it came"},
		"all but the end":      {whole[:len(whole)-2], "only a part of it came"},
		"the head":             {whole[:100], "only a part of it came"},
		"cut within a length":  {[]byte{0xff, 0xd8, 0xff, 0xe0, 0}, "only a part of it came"},
		"GIF":                  {moving.Bytes(), "neither a JPEG nor a PNG"},
		"nothing":              {nil, "neither a JPEG nor a PNG"},
		"the beginning of PNG": {[]byte("\x89PNG\r\n\x1a\n"), "only a part of it came"},
	} {
		m, err := Decode(c.file)
		switch {
		case c.says != "" && (nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v", name, err)
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = m.Close()
		}
	}
	for n := 2; n < 2000; n++ { // it never reads behind the end
		if wholeJPEG(whole[:n:n]) {
			t.Fatalf("%d bytes are whole", n)
		}
	}
}
