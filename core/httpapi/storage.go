package httpapi

import "context"

// storageService knows where footage lies and what will become of it.
type storageService interface {
	Storage(ctx context.Context) (StorageReport, error)
	// DeletionPlan says what retention would delete now. Nothing is deleted by asking.
	DeletionPlan(ctx context.Context) (DeletionPlan, error)
}

// StorageReport is where footage lies, how much comes per day, and how long it will last.
type StorageReport struct {
	Volumes   []Volume        `json:"volumes" nullable:"false"`
	Cameras   []CameraStorage `json:"cameras" nullable:"false"`
	Forecast  Forecast        `json:"forecast"`
	HeldBytes int64           `json:"held_bytes" doc:"Kept by holds"`
	Message   string          `json:"message,omitempty" doc:"What a person must do, if anything"`
	Archive   ArchiveStatus   `json:"archive"`
}

// Volume is one directory that recordings lie in.
type Volume struct {
	Path            string `json:"path"`
	State           string `json:"state" enum:"ok,failing,missing"`
	Reason          string `json:"reason,omitempty" doc:"What is wrong and what to do, for a person"`
	Total           int64  `json:"total" doc:"Bytes of the file system"`
	Free            int64  `json:"free" doc:"Bytes"`
	RecordingsBytes int64  `json:"recordings_bytes"`
	Active          bool   `json:"active" doc:"New recordings go here"`
}

// CameraStorage is one camera's share.
type CameraStorage struct {
	ID           string   `json:"id"`
	Bytes        int64    `json:"bytes"`
	BytesPerDay  int64    `json:"bytes_per_day"`
	Oldest       *int64   `json:"oldest,omitempty" doc:"Start of the oldest recording, UTC milliseconds"`
	Newest       *int64   `json:"newest,omitempty" doc:"End of the newest recording, UTC milliseconds"`
	ForecastDays *float64 `json:"forecast_days,omitempty" doc:"Days until its oldest footage goes"`
}

// Forecast is how many days it takes until the oldest footage goes, and why it will.
type Forecast struct {
	Days  *float64 `json:"days,omitempty" doc:"Absent while too little was recorded to tell"`
	Limit string   `json:"limit" enum:"age,cap,space,none"`
}

// ArchiveStatus is the state of the S3 tier.
type ArchiveStatus struct {
	Enabled       bool   `json:"enabled"`
	State         string `json:"state" enum:"ok,waiting,failing,disabled"`
	Reason        string `json:"reason,omitempty"`
	BacklogFiles  int64  `json:"backlog_files"`
	BacklogBytes  int64  `json:"backlog_bytes"`
	UploadedBytes int64  `json:"uploaded_bytes" doc:"Since the start"`
	LastUploadAt  *int64 `json:"last_upload_at,omitempty" doc:"UTC milliseconds"`
}

// DeletionPlan is what retention would delete now.
type DeletionPlan struct {
	At        int64      `json:"at" doc:"UTC milliseconds"`
	Deletions []Deletion `json:"deletions" nullable:"false"`
	Bytes     int64      `json:"bytes"`
	HeldBytes int64      `json:"held_bytes"`
	Notes     []string   `json:"notes,omitempty" doc:"What cannot be achieved, and what is not known, for a person"`
}

// Deletion is a stretch of one camera that would go, and why.
type Deletion struct {
	Camera string `json:"camera"`
	Stream string `json:"stream"`
	From   int64  `json:"from" doc:"UTC milliseconds"`
	To     int64  `json:"to" doc:"UTC milliseconds"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason"`
	Detail string `json:"detail" doc:"One sentence for a person"`
}

func (s *Server) registerStorage() {
	type output struct{ Body StorageReport }
	register(s, operation{method: "GET", path: "/storage", id: "getStorage", tag: "storage", summary: "Where footage lies, how much comes per day and how long it will last", access: accessViewer},
		func(ctx context.Context, _ *struct{}) (*output, error) {
			r, err := s.deps.Storage.Storage(ctx)
			return &output{Body: r}, err
		})
	type plan struct{ Body DeletionPlan }
	register(s, operation{method: "GET", path: "/storage/plan", id: "getDeletionPlan", tag: "storage", summary: "What would be deleted now, and why; a dry run", access: accessAdmin},
		func(ctx context.Context, _ *struct{}) (*plan, error) {
			p, err := s.deps.Storage.DeletionPlan(ctx)
			return &plan{Body: p}, err
		})
}
