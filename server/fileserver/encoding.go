package fileserver

import (
	"strconv"
	"strings"
)

// codings are the content codings that are served, the best first.
var codings = []string{"br", "gzip"}

// chooseEncoding picks the content coding for an Accept-Encoding header: of those
// available the one with the highest weight, and the smaller at equal weight. ""
// is the file as it is, which is also the answer to a client that accepts nothing
// that there is: RFC 9110, 12.5.3 allows that, and it is more useful than a 406.
func chooseEncoding(accept []string, available func(coding string) bool) string {
	weights := make(map[string]int)
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			coding, parameters, _ := strings.Cut(item, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding == "x-gzip" { // RFC 9110, 8.4.1.3: the same
				coding = "gzip"
			}
			if coding != "" {
				weights[coding] = weight(parameters)
			}
		}
	}
	weightOf := func(coding string) (w int, named bool) {
		if w, named = weights[coding]; !named {
			w, named = weights["*"]
		}
		return w, named
	}
	best, bestWeight := "", 1
	if w, named := weightOf("identity"); named {
		// Accepted unless it is refused; when it has a weight, a coding must reach it.
		bestWeight = max(w, 1)
	}
	for _, coding := range codings {
		w, named := weightOf(coding)
		if !named || !available(coding) {
			continue
		}
		if w > bestWeight || w == bestWeight && best == "" {
			best, bestWeight = coding, w
		}
	}
	return best
}

// weight reads the parameters of an item, "q=0.5", in thousandths. None is 1, and
// one that cannot be read is 0: what the client did not say clearly is not sent.
func weight(parameters string) int {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) { // NaN too
			return 0
		}
		return int(q*1000 + 0.5)
	}
	return 1000
}
