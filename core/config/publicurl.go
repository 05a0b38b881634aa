package config

import (
	"net/url"
	"strings"
)

// validatePublicURL takes addresses that links can be made from by adding a path.
func (c *Config) validatePublicURL(v *validator) {
	if c.HTTP.PublicURL == "" {
		return
	}
	u, err := url.Parse(c.HTTP.PublicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/") {
		v.add("http.public_url", "want an address such as https://nightjar.example.org, without a slash at the end")
	}
}
