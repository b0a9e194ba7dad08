package directus

import (
	"strings"
	"unicode"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file writes a notification to each user whom a new message mentions. Only
// the demo does that (Options.Mentions): Directus itself notifies of mentions in
// comments, which are not served here.

// mention writes the notifications for the messages that the work made.
func (w *work) mention(tx Tx) error {
	schema := w.hub.store.Schema()
	notifications, users := schema.Collections[notificationsCollection], schema.Collections[usersCollection]
	if !w.hub.opts.Mentions || notifications == nil {
		return nil
	}
	for _, e := range w.events[:len(w.events):len(w.events)] {
		if e.collection.Name != "messages" || e.kind != protocol.EventCreate {
			continue
		}
		for _, message := range e.after {
			text, _ := message["text"].(string)
			names := mentioned(text)
			if len(names) == 0 {
				continue
			}
			all, err := tx.Read(w.ctx, usersCollection, everyItem())
			if err != nil {
				return err
			}
			sender := "Somebody"
			for _, user := range all {
				if user["id"] == w.who.User {
					sender = nameOf(user)
				}
			}
			for _, user := range all {
				if !answersTo(user, names) {
					continue
				}
				_, err := w.insert(tx, notifications, query.Row{
					"timestamp": timestamp(w.rules.Now),
					// Directus's own word is "inbox". The samples of its guides ask for "unread",
					// and they should find something.
					"status":     "unread",
					"recipient":  user[users.PrimaryKey],
					"sender":     orNull(w.who.User),
					"subject":    sender + " mentioned you",
					"message":    text,
					"collection": e.collection.Name,
					"item":       keyText(message[e.collection.PrimaryKey]),
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mentioned returns the names in a text that follow an "@", in lower case.
func mentioned(text string) map[string]bool {
	names := map[string]bool{}
	_, text, _ = strings.Cut(text, "@")
	for part := range strings.SplitSeq(text, "@") {
		end := strings.IndexFunc(part, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
		})
		if end < 0 {
			end = len(part)
		}
		if name := strings.ToLower(strings.TrimRight(part[:end], ".-_")); name != "" {
			names[name] = true
		}
	}
	return names
}

// answersTo reports whether a user has one of the names: the first name, or what
// stands before the @ of the e-mail address.
func answersTo(user query.Row, names map[string]bool) bool {
	first, _ := user["first_name"].(string)
	email, _ := user["email"].(string)
	local, _, _ := strings.Cut(email, "@")
	return first != "" && names[strings.ToLower(first)] || local != "" && names[strings.ToLower(local)]
}

func nameOf(user query.Row) string {
	first, _ := user["first_name"].(string)
	last, _ := user["last_name"].(string)
	if name := strings.TrimSpace(first + " " + last); name != "" {
		return name
	}
	return "Somebody"
}
