package query

import (
	"encoding/json"
	"strings"
)

// CSVText returns what a csv value is stored as and filtered by: its elements
// joined by commas. What is not a JSON array is returned as it is.
func CSVText(raw json.RawMessage) string {
	elements, ok := csvElements(raw)
	if !ok {
		return string(raw)
	}
	return strings.Join(elements, ",")
}

// CSVFromText is the inverse of [CSVText]: it splits at the commas. "" is [].
func CSVFromText(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("[]")
	}
	return appendTexts(nil, strings.Split(text, ","))
}

func csvElements(raw []byte) (elements []string, ok bool) {
	s := scanner{b: raw}
	if s.peek() != '[' {
		return nil, false
	}
	s.open('[')
	for first := true; s.more(']', &first); {
		v, ok, tooLarge := s.primitive()
		if !ok || tooLarge {
			return nil, false
		}
		text := ""
		if v != nil {
			text, _ = castText(v)
		}
		elements = append(elements, text)
	}
	return elements, s.end()
}
