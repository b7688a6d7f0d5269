//go:build !js

package browser

// For the fuzz targets.
var (
	ParseURL       = parseURL
	CheckProtocols = checkProtocols
)
