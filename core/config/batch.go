package config

import "strconv"

// batchMost bounds detect.batch: every picture of a batch has its place in the memory of every session.
const batchMost = 32

// BatchSize returns how many pictures one inference may take, 0 for auto.
func (d Detect) BatchSize() int {
	n, err := strconv.Atoi(d.Batch)
	if err != nil {
		return 0
	}
	return n
}

func (c *Config) validateBatch(v *validator) {
	d := c.Detect
	if n, err := strconv.Atoi(d.Batch); d.Batch != "auto" && (err != nil || n < 1 || n > batchMost) {
		v.add("detect.batch", "%q is neither auto nor a number of pictures, 1 to %d", d.Batch, batchMost)
	}
	v.within("detect.batch_wait", d.BatchWait.D.Seconds(), 0, 0.1)
	if d.BatchWait.D > 0 && d.Provider == "cpu" {
		v.add("detect.batch_wait", "makes the processor idle, which a batch cannot make up for: set it to 0s, or detect.provider to a graphics card's")
	}
}
