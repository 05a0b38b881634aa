package models

// Known is a model Nightjar knows by name.
type Known struct {
	Name    string
	Summary string // one line for a list
	Licence string // SPDX identifier
	Layout  string // "yolox" or "yolov8", see core/vision/detect
	Width   int    // of the input, pixels
	Height  int
	URL     string // empty: Nightjar does not fetch it, HowTo says why and how one gets it
	SHA256  string // of the file at URL
	Bytes   int64
	Same    []Sum  // other files that hold the same network
	HowTo   string // for models one brings oneself
}

// Sum identifies a file.
type Sum struct {
	SHA256 string
	Bytes  int64
}

const yoloxRelease = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"

// Registry returns the known models, the default first.
func Registry() []Known {
	return []Known{
		{
			Name: "yolox_nano", Summary: "small and fast, the default", Licence: "Apache-2.0", Layout: "yolox",
			Width: 416, Height: 416, URL: yoloxRelease + "yolox_nano.onnx",
			// The release page publishes no sums. These are what several independent projects that pin the file have
			// written down, all the same.
			SHA256: "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d", Bytes: 3659407,
			// A copy of the same weights, exported again; checked against reference detections in core/vision/detect.
			Same: []Sum{{SHA256: "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd", Bytes: 3678356}},
		},
		{
			Name: "yolox_tiny", Summary: "finds more at a distance, about four times the work", Licence: "Apache-2.0", Layout: "yolox",
			Width: 416, Height: 416, URL: yoloxRelease + "yolox_tiny.onnx",
			SHA256: "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7", Bytes: 20219662,
		},
		{
			Name: "yolov8n", Summary: "Ultralytics YOLOv8 nano, bring your own", Licence: "AGPL-3.0-only", Layout: "yolov8",
			Width: 640, Height: 640, HowTo: exportHowTo("yolov8n"),
		},
		{
			Name: "yolo11n", Summary: "Ultralytics YOLO11 nano, bring your own", Licence: "AGPL-3.0-only", Layout: "yolov8",
			Width: 640, Height: 640, HowTo: exportHowTo("yolo11n"),
		},
	}
}

func exportHowTo(name string) string {
	return "its licence is AGPL-3.0, so Nightjar does not fetch it; export it yourself (pip install ultralytics; " +
		"yolo export model=" + name + ".pt format=onnx imgsz=640) and put " + name + ".onnx into the models directory"
}
