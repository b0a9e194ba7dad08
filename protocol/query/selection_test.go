package query_test

import (
	"fmt"
	"strings"
	"testing"

	"leveret/protocol/query"
)

// shown writes a selection as text: "alias=field", "name=fn(field)", "m2o{…}",
// "o2m[…]", and "o2m[]" for an array of keys.
func shown(s *query.Selection) string {
	var members []string
	for _, m := range s.Members {
		text := m.Name
		switch {
		case m.Func != "":
			text += "=" + m.Func + "(" + m.Field.Name + ")"
		case m.Name != m.Field.Name:
			text += "=" + m.Field.Name
		}
		many := m.Field.Relation != nil && m.Field.Relation.Many && m.Func == ""
		switch {
		case m.Nested != nil && many:
			text += "[" + shown(m.Nested) + "]"
		case m.Nested != nil:
			text += "{" + shown(m.Nested) + "}"
		case many:
			text += "[]"
		}
		members = append(members, text)
	}
	return strings.Join(members, ",")
}

func TestSelection(t *testing.T) {
	tab := readTable(t)
	const (
		articles = "id,title,status,author,words,rating,published,tags,meta,gone,comments[]"
		author   = "id,name,born,boss,secret,team[],articles[]"
		comments = "key,article,by,text,likes"
	)
	for _, test := range []struct{ name, collection, query, want string }{
		{"no fields", "articles", `{}`, articles},
		{"*", "articles", `{"fields":"*"}`, articles},
		{"names, in their order", "articles", `{"fields":"words,id,words"}`, "words,id"},
		{"* and a name", "comments", `{"fields":"text,*"}`, "text,key,article,by,likes"},
		{"m2o", "articles", `{"fields":"author.name,id"}`, "id,author{name}"},
		{"m2o twice", "articles", `{"fields":"author.name,id,author.born,author.name"}`, "id,author{name,born}"},
		{"m2o and its key", "articles", `{"fields":"author,author.name,id"}`, "id,author{name}"},
		{"m2o.*", "articles", `{"fields":"id,author.*"}`, "id,author{" + author + "}"},
		{"o2m", "articles", `{"fields":"id,comments"}`, "id,comments[]"},
		{"o2m with fields", "articles", `{"fields":"comments.text,comments,id"}`, "id,comments[text]"},
		{"deep down", "comments", `{"fields":"article.author.boss.name,article.id"}`, "article{id,author{boss{name}}}"},
		{"*.*", "comments", `{"fields":"*.*"}`, "key,text,likes,article{" + articles + "},by{" + author + "}"},
		{"*.* without relations", "notes", `{"fields":"*.*.*"}`, "key,title"},
		{"*, then *.*", "comments", `{"fields":"*,article.*.id"}`, "key,by,text,likes,article{id,title,status,words,rating,published,tags,meta,author{id},comments[]}"},
		{"*.name", "comments", `{"fields":"*.id"}`, "key,text,likes,article{id},by{id}"},
		{"functions", "articles", `{"fields":"year(published),count(tags),id"}`, "published_year=year(published),tags_count=count(tags),id"},
		{"count of o2m is a value", "articles", `{"fields":"comments.key,count(comments)"}`, "comments_count=count(comments),comments[key]"},
		{"a function of m2o", "articles", `{"fields":"author.year(born),month(author.born)"}`, "author{born_year=year(born),born_month=month(born)}"},
		{"an alias", "articles", `{"fields":"name,id","alias":{"name":"title"}}`, "name=title,id"},
		{"an alias that is not asked for", "articles", `{"fields":"id","alias":{"name":"title"}}`, "id"},
		{"aliases and *", "notes", `{"fields":"*","alias":{"z":"title","a":"key"}}`, "key,title,a=key,z=title"},
		{"an alias of m2o", "articles", `{"fields":"writer,who.name","alias":{"writer":"author","who":"author"}}`, "writer=author,who=author{name}"},
		{"an alias of o2m", "articles", `{"fields":"best.text,comments,all","alias":{"best":"comments","all":"comments"}}`, "best=comments[text],comments[],all=comments[]"},
		{"an alias of a function", "articles", `{"fields":"y","alias":{"y":"year(published)"}}`, "y=year(published)"},
		{"aliases and *.*", "comments", `{"fields":"*.id","alias":{"who":"by","says":"text"}}`, "key,text,likes,says=text,article{id},by{id},who=by{id}"},
		{"an alias is not for nested rows", "comments", `{"fields":"who.name,by.who","alias":{"who":"by"}}`, "who=by{name},by{}"},
		{"a collection that is not there", "articles", `{"fields":"id,gone.x,gone"}`, "id,gone"},
		{"what is not there", "articles", `{"fields":"id,nope,nope.x,title.x,year(title),count(divider),divider"}`, "id"},
	} {
		q, err := query.Parse([]byte(test.query))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := shown(q.Selection(tab.schema[test.collection])); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestSelectionHasDeep(t *testing.T) {
	c := readTable(t).schema["authors"]
	q, err := query.Parse([]byte(`{
		"fields": "articles.comments.text,best.id,team,boss.name",
		"alias": {"best": "articles"},
		"deep": {"articles": {"_limit": 3, "comments": {"_sort": "-likes", "_limit": 0}}, "best": {"_filter": {"rating": {"_gt": 4}}}, "team": {"_page": "2"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Validate(c); err != nil {
		t.Fatal(err)
	}
	s := q.Selection(c)
	comments := s.Members[0].Nested.Members[0]
	for _, test := range []struct {
		m    query.Member
		name string
		want string
	}{
		{s.Members[0], "articles", `{"_limit":3,"comments":{"_sort":["-likes"],"_limit":0}}`},
		{comments, "comments", `{"_sort":["-likes"],"_limit":0}`},
		{s.Members[1], "best", `{"_filter":{"rating":{"_gt":4}}}`},
		{s.Members[2], "team", `{"_page":2}`},
	} {
		deep := query.New()
		deep.Deep = map[string]query.Query{test.name: test.m.Deep}
		if got, want := string(deep.JSON()), `{"deep":{"`+test.name+`":`+test.want+`}}`; test.m.Name != test.name || got != want {
			t.Errorf("%s: got %s, want %s", test.m.Name, got, want)
		}
	}
	if none := s.Members[3].Deep; none.Limit != query.Unset || none.Filter != nil || none.Deep != nil {
		t.Errorf("boss has %+v", none)
	}
}

func TestFlat(t *testing.T) {
	tab := readTable(t)
	for _, test := range []struct {
		collection, query, want string
	}{
		{"articles", `{"fields":"title,author,id"}`, "title,author,id"},
		{"comments", `{"fields":"*"}`, "key,article,by,text,likes"},
		{"articles", `{"fields":"comments"}`, "no"},
		{"articles", `{"fields":"author.id"}`, "no"},
		{"articles", `{"fields":"year(published)"}`, "no"},
		{"articles", `{"fields":"x","alias":{"x":"title"}}`, "no"},
	} {
		q, err := query.Parse([]byte(test.query))
		if err != nil {
			t.Fatal(err)
		}
		got := "no"
		if names, ok := q.Selection(tab.schema[test.collection]).Flat(); ok {
			got = strings.Join(names, ",")
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.query, got, test.want)
		}
	}
}

// A chain of wildcards in a schema of many relations would be endless.
func TestSelectionIsBounded(t *testing.T) {
	c := &query.Collection{Name: "c", PrimaryKey: "id"}
	c.Schema = &query.Schema{Collections: map[string]*query.Collection{"c": c}}
	for i := range 30 {
		name := fmt.Sprint("r", i)
		c.Fields = append(c.Fields, query.Field{Name: name, Type: query.Integer, Relation: &query.Relation{Collection: "c", Local: name, Foreign: "id"}})
	}
	var count func(s *query.Selection) int
	count = func(s *query.Selection) int {
		n := len(s.Members)
		for _, m := range s.Members {
			if m.Nested != nil {
				n += count(m.Nested)
			}
		}
		return n
	}
	for stars, fits := range map[string]bool{"*.*": true, "*.*.*.*": false, "*.*.*.*.*.*.*.*.*.*": false} {
		q := query.New()
		q.Fields = []string{stars}
		if n := count(q.Selection(c)); n > query.MaxMembers {
			t.Errorf("%s: %d members", stars, n)
		}
		if err := q.Validate(c); (err == nil) != fits {
			t.Errorf("%s: %v", stars, err)
		}
	}
}
