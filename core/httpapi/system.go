package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Detector is the state of the object detector.
type Detector struct {
	State       string  `json:"state" enum:"ready,motion_only,failed,disabled"`
	Model       string  `json:"model"`
	Message     string  `json:"message" doc:"What is wrong, for a person"`
	Fix         string  `json:"fix" doc:"The command that fixes it"`
	InferenceMS float64 `json:"inference_ms"`
	FPS         float64 `json:"fps" doc:"Detections per second, all cameras"`

	Decode        string `json:"decode" doc:"What pictures are decoded on: cpu, vaapi, cuda, qsv, or several"`
	DecodeMessage string `json:"decode_message" doc:"Why the hardware that was asked for is not used, for a person"`
}

// System is the state of everything but the cameras.
type System struct {
	Version       string     `json:"version"`
	StartedAt     time.Time  `json:"started_at"`
	CamerasOnline int        `json:"cameras_online"`
	Storage       Storage    `json:"storage"`
	Detector      Detector   `json:"detector"`
	MQTT          Connection `json:"mqtt"`
	Redis         Connection `json:"redis" doc:"The queue of deliveries, where it is on Redis"`
	Database      Database   `json:"database"`
	Plugins       []Plugin   `json:"plugins" nullable:"false"`
	Warnings      []Warning  `json:"warnings" nullable:"false"`
}

// Storage is where recordings lie and how much room there is, in bytes.
type Storage struct {
	Path            string `json:"path"`
	UsedBytes       int64  `json:"used_bytes"`
	FreeBytes       int64  `json:"free_bytes"`
	TotalBytes      int64  `json:"total_bytes"`
	RecordingsBytes int64  `json:"recordings_bytes"`
}

// Connection is the state of a connection to another service.
type Connection struct {
	Enabled   bool   `json:"enabled"`
	Connected bool   `json:"connected"`
	Reason    string `json:"reason"`
}

// Database is the state of PostgreSQL.
type Database struct {
	State  string `json:"state" enum:"ready,away"`
	Reason string `json:"reason"`
}

// Plugin is the state of one notifier.
type Plugin struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	State     string    `json:"state"`
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
	Restarts  int       `json:"restarts"`
	Delivered uint64    `json:"delivered"`
	Failed    uint64    `json:"failed"`
}

// Warning is something a person should act on, with the next step.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// Health says that the process answers, and nothing else.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// Bootstrap is all a client needs before its first picture.
type Bootstrap struct {
	Version    string    `json:"version"`
	User       User      `json:"user"`
	Base       string    `json:"base" doc:"Path prefix the client reaches the server under"`
	ServerTime time.Time `json:"server_time"`
	Timezone   string    `json:"timezone"`
	Cameras    []Camera  `json:"cameras" nullable:"false"`
	Labels     []string  `json:"labels" nullable:"false"`
	Detector   Detector  `json:"detector"`
}

func (s *Server) registerSystem() {
	type healthOutput struct{ Body Health }
	register(s, operation{method: "GET", path: "/health", id: "health", tag: "system", summary: "Whether the process answers", access: accessPublic},
		func(context.Context, *struct{}) (*healthOutput, error) {
			return &healthOutput{Body: Health{Status: "ok"}}, nil
		})
	type systemOutput struct{ Body System }
	register(s, operation{method: "GET", path: "/system", id: "getSystem", tag: "system", summary: "State of storage, detector, database, MQTT and plugins", access: accessViewer},
		func(ctx context.Context, _ *struct{}) (*systemOutput, error) {
			return &systemOutput{Body: s.deps.System(ctx)}, nil
		})
	type bootstrapOutput struct{ Body Bootstrap }
	register(s, operation{method: "GET", path: "/bootstrap", id: "bootstrap", tag: "system", summary: "What a client needs first, in one answer", access: accessViewer},
		func(ctx context.Context, _ *struct{}) (*bootstrapOutput, error) {
			labels, err := s.deps.Events.Labels(ctx)
			if err != nil {
				return nil, err
			}
			id := identityOf(ctx)
			zone, _ := time.Now().Zone()
			if name := time.Local.String(); name != "Local" {
				zone = name
			}
			return &bootstrapOutput{Body: Bootstrap{
				Version: s.opts.Version, User: User{ID: id.UserID, Name: id.Name, Role: id.Role}, Base: clientOf(ctx).base,
				ServerTime: time.Now().UTC().Truncate(time.Millisecond), Timezone: zone, Cameras: s.cameras(),
				Labels: append([]string{}, labels...), Detector: s.deps.System(ctx).Detector,
			}}, nil
		})
	s.raw(fiber.MethodGet, apiBase+"/openapi.json", accessViewer, func(c *fiber.Ctx) error {
		return c.JSON(s.api.OpenAPI())
	})
}
