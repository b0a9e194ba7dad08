package state_test

import (
	"encoding/json"
	"fmt"
	"time"

	"leveret/app/state"
)

// The whole life of a message, as the screen sees it: nothing here touches a
// browser.
func ExampleUpdate() {
	m := state.New()
	step := func(msg state.Msg) {
		var cmds []state.Cmd
		m, cmds = state.Update(m, msg)
		for _, cmd := range cmds {
			if c, ok := cmd.(state.Create); ok {
				fmt.Println("to send:", string(c.Item))
			}
		}
	}
	step(state.StoredLoaded{})
	step(state.ConfigLoaded{Config: &state.Config{URL: "http://127.0.0.1:8055", Mode: state.ModeHandshake, Token: "demo"}})
	step(state.ConnChanged{State: state.Live, At: time.Now()})
	step(state.Events{Events: []state.Event{{Kind: state.EventInit, Data: json.RawMessage(`[]`)}}})
	fmt.Println(m.Pill().Word, m.Face())

	step(state.Typed{Field: state.FieldText, Value: "Hello"})
	step(state.SubmitCreate{Key: "7d44"})
	fmt.Println(len(m.Outbox), "on its way")

	step(state.Events{Events: []state.Event{{Kind: state.EventCreate, Data: json.RawMessage(`[{"id":"7d44","text":"Hello"}]`)}}})
	fmt.Println(len(m.Outbox), "on its way,", m.List.CountText())
	// Output:
	// Live empty
	// to send: {"id":"7d44","text":"Hello"}
	// 1 on its way
	// 0 on its way, 1 message
}
