package screen

import "fmt"

const (
	dumpWidth = 16   // bytes in a line of a dump
	dumpLimit = 1024 // bytes of a message that are dumped
)

// AppendBinary appends a picture of a binary message to dst: its length and its
// bytes, in the same line if there are at most 16 of them, otherwise as xxd
// draws them. Of more than 1 KiB only the beginning is drawn. Lines but the first
// begin with indent; there is no newline at the end. p is not kept.
func AppendBinary(dst, p []byte, indent string) []byte {
	unit := "bytes"
	if len(p) == 1 {
		unit = "byte"
	}
	dst = fmt.Appendf(dst, "binary %d %s", len(p), unit)
	if len(p) == 0 {
		return dst
	}
	dst = append(dst, ':')
	if len(p) <= dumpWidth {
		return fmt.Appendf(dst, " % x", p)
	}
	shown := p[:min(len(p), dumpLimit)]
	for off := 0; off < len(shown); off += dumpWidth {
		dst = append(append(dst, '\n'), indent...)
		dst = appendDumpLine(dst, off, shown[off:min(off+dumpWidth, len(shown))])
	}
	if more := len(p) - len(shown); more > 0 {
		dst = fmt.Appendf(dst, "\n%s… and %d more", indent, more)
	}
	return dst
}

// appendDumpLine appends the bytes of one line, in pairs, and what they are in
// ASCII.
func appendDumpLine(dst []byte, off int, p []byte) []byte {
	dst = fmt.Appendf(dst, "%08x: ", off)
	for i := range dumpWidth {
		if i < len(p) {
			dst = fmt.Appendf(dst, "%02x", p[i])
		} else {
			dst = append(dst, "  "...)
		}
		if i%2 == 1 {
			dst = append(dst, ' ')
		}
	}
	dst = append(dst, ' ')
	for _, b := range p {
		if b < ' ' || b > '~' {
			b = '.'
		}
		dst = append(dst, b)
	}
	return dst
}
