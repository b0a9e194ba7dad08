package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leveret/protocol"
)

// defaultQueryTimeout is what Options.QueryTimeout is when it is zero.
const defaultQueryTimeout = 10 * time.Second

// outOfTime is the code of Directus for what took too long; the words are ours.
func outOfTime(limit time.Duration) error {
	return &protocol.Error{
		Code:    protocol.CodeOutOfTime,
		Message: fmt.Sprintf("The query took longer than %v. Ask for fewer items, or for something simpler.", limit),
	}
}

var errTooLong = errors.New("a read took too long")

// timed runs a read, which is interrupted when it has taken too long.
func (s *Store) timed(ctx context.Context, read func(context.Context) error) error {
	if s.timeout < 0 {
		return read(ctx)
	}
	limited, cancel := context.WithTimeoutCause(ctx, s.timeout, errTooLong)
	defer cancel()
	err := read(limited)
	if err != nil && ctx.Err() == nil && context.Cause(limited) == errTooLong {
		return outOfTime(s.timeout)
	}
	return err
}

// whole makes a SELECT that is done before its first row is out, if it is slow: the
// driver interrupts nothing once rows are being read.
func (c *compiler) whole(text string) string {
	if !c.slow && c.conditions <= manyConditions {
		return text
	}
	return "WITH found AS MATERIALIZED (" + text + ") SELECT * FROM found"
}
