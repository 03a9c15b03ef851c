package search

import (
	"strings"
	"unicode"

	"github.com/slipway-ml/slipway/models"
)

type tokenKind int

const (
	end    tokenKind = iota
	word             // a key, a keyword; dots inside
	quoted           // '…', "…" or `…`, quotes taken off
	number           // sign and exponent included
	symbol           // an operator, a parenthesis, a comma
)

type token struct {
	kind  tokenKind
	text  string
	quote rune // of a quoted one
	at    int  // its first character, from 1
	stop  int  // the character behind it
}

// maxLength bounds a filter, and so the statement that it becomes.
const maxLength = 16_000

// lex splits a filter into tokens, an end token last.
func lex(filter string) ([]token, error) {
	if len(filter) > maxLength {
		return nil, models.Errorf(models.KindInvalid, "The filter string is longer than %d bytes.", maxLength)
	}
	l := lexer{text: []rune(filter)}
	var tokens []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == end {
			return tokens, nil
		}
	}
}

type lexer struct {
	text []rune
	pos  int
}

func (l *lexer) next() (token, error) {
	for l.pos < len(l.text) && unicode.IsSpace(l.text[l.pos]) {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: end, at: start + 1, stop: start + 1}, nil
	}
	switch r := l.text[start]; {
	case r == '\'' || r == '"' || r == '`':
		return l.quoted(r)
	case isDigit(r) || ((r == '-' || r == '+' || r == '.') && start+1 < len(l.text) && (isDigit(l.text[start+1]) || l.text[start+1] == '.')):
		return l.take(number, isNumberPart), nil
	case isWordPart(r, 0):
		return l.take(word, isWordPart), nil
	case strings.ContainsRune("=!<>", r):
		return l.take(symbol, func(r, _ rune) bool { return strings.ContainsRune("=!<>", r) }), nil
	default:
		l.pos++
		return token{kind: symbol, text: string(r), at: start + 1, stop: l.pos + 1}, nil
	}
}

// take reads while part holds; before is the character read last, 0 at first.
func (l *lexer) take(kind tokenKind, part func(r, before rune) bool) token {
	start, before := l.pos, rune(0)
	for l.pos < len(l.text) && part(l.text[l.pos], before) {
		before = l.text[l.pos]
		l.pos++
	}
	return token{kind: kind, text: string(l.text[start:l.pos]), at: start + 1, stop: l.pos + 1}
}

// quoted reads up to the same quote; a doubled quote is one quote.
func (l *lexer) quoted(quote rune) (token, error) {
	start := l.pos
	var text strings.Builder
	for l.pos++; l.pos < len(l.text); l.pos++ {
		if l.text[l.pos] != quote {
			text.WriteRune(l.text[l.pos])
			continue
		}
		if l.pos+1 < len(l.text) && l.text[l.pos+1] == quote {
			text.WriteRune(quote)
			l.pos++
			continue
		}
		l.pos++
		return token{kind: quoted, text: text.String(), quote: quote, at: start + 1, stop: l.pos + 1}, nil
	}
	return token{}, models.Errorf(models.KindInvalid,
		"Invalid clause(s) in filter string: the quote %c at character %d is never closed.", quote, start+1)
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isWordPart(r, _ rune) bool {
	return r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func isNumberPart(r, before rune) bool {
	return isWordPart(r, before) || ((r == '-' || r == '+') && (before == 0 || before == 'e' || before == 'E'))
}
