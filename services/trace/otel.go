package trace

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Other conventions for what MLflow has attributes for, the best first:
// OpenInference, OpenTelemetry's for generative AI, Traceloop.
var (
	kindKeys = []struct {
		key   string
		types map[string]string
	}{
		{"openinference.span.kind", same("TOOL", "CHAIN", "LLM", "RETRIEVER", "EMBEDDING", "AGENT", "RERANKER", "GUARDRAIL", "EVALUATOR")},
		{"gen_ai.operation.name", map[string]string{
			"chat": "CHAT_MODEL", "create_agent": "AGENT", "invoke_agent": "AGENT", "embeddings": "EMBEDDING", "execute_tool": "TOOL",
			"generate_content": "LLM", "text_completion": "LLM", "response": "LLM",
		}},
		{"traceloop.span.kind", map[string]string{"workflow": "WORKFLOW", "task": "TASK", "agent": "AGENT", "tool": "TOOL"}},
	}
	inputKeys    = []string{"input.value", "gen_ai.input.messages", "gen_ai.tool.call.arguments", "traceloop.entity.input"}
	outputKeys   = []string{"output.value", "gen_ai.output.messages", "gen_ai.tool.call.result", "traceloop.entity.output"}
	modelKeys    = []string{"llm.response.model_name", "llm.model_name", "gen_ai.response.model", "gen_ai.request.model", "embedding.model_name"}
	providerKeys = []string{"llm.provider", "gen_ai.provider.name", "gen_ai.system"}
	tokenKeys    = []struct {
		name string
		keys []string
	}{
		{"input_tokens", []string{"llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"}},
		{"output_tokens", []string{"llm.token_count.completion", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"}},
		{"total_tokens", []string{"llm.token_count.total", "llm.usage.total_tokens"}},
		{"cache_read_input_tokens", []string{"llm.token_count.prompt_details.cache_read", "gen_ai.usage.cache_read.input_tokens"}},
		{"cache_creation_input_tokens", []string{"llm.token_count.prompt_details.cache_write", "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"}},
	}
)

func same(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}

// translate gives a span the attributes that MLflow's clients and pages read,
// where it says the same by another convention.
func translate(s models.Span) models.Span {
	attributes := make([]models.Attribute, len(s.Attributes), len(s.Attributes)+2)
	for i, a := range s.Attributes {
		attributes[i] = models.Attribute{Key: a.Key, Value: unwrapped(a.Value)}
	}
	s.Attributes = attributes
	s = with(s, models.AttrTraceID, quoted(models.TracePrefix+s.TraceID))
	if kind := s.Text(models.AttrType); kind == "" || kind == "UNKNOWN" {
		for _, k := range kindKeys {
			if kind := k.types[s.Text(k.key)]; kind != "" {
				s = with(s, models.AttrType, quoted(kind))
				break
			}
		}
	}
	for key, others := range map[string][]string{models.AttrInputs: inputKeys, models.AttrOutputs: outputKeys} {
		if s.Attribute(key) == nil {
			for _, other := range others {
				if value := s.Attribute(other); value != nil {
					s = with(s, key, value)
					break
				}
			}
		}
	}
	for key, others := range map[string][]string{models.AttrModel: modelKeys, models.AttrProvider: providerKeys} {
		if text := first(s, others...); s.Attribute(key) == nil && text != "" {
			s = with(s, key, quoted(text))
		}
	}
	if usage := usageOf(s); s.Attribute(models.AttrTokenUsage) == nil && usage != nil {
		s = with(s, models.AttrTokenUsage, usage)
	}
	return s
}

// usageOf reads counts of tokens by other conventions.
func usageOf(s models.Span) json.RawMessage {
	counts := map[string]int64{}
	for _, t := range tokenKeys {
		for _, key := range t.keys {
			if n, err := strconv.ParseInt(textOf(s.Attribute(key)), 10, 64); err == nil {
				counts[t.name] = n
				break
			}
		}
	}
	input, hasInput := counts["input_tokens"]
	output, hasOutput := counts["output_tokens"]
	if _, has := counts["total_tokens"]; !has && hasInput && hasOutput {
		counts["total_tokens"] = input + output
	}
	if len(counts) == 0 {
		return nil
	}
	text, _ := json.Marshal(counts)
	return text
}

// with sets an attribute of a span.
func with(s models.Span, key string, value json.RawMessage) models.Span {
	out := make([]models.Attribute, 0, len(s.Attributes)+1)
	for _, a := range s.Attributes {
		if a.Key != key {
			out = append(out, a)
		}
	}
	s.Attributes = append(out, models.Attribute{Key: key, Value: value})
	return s
}

// first is the first of some attributes that is a text.
func first(s models.Span, keys ...string) string {
	for _, key := range keys {
		if text := s.Text(key); text != "" {
			return text
		}
	}
	return ""
}

func quoted(text string) json.RawMessage {
	out, _ := json.Marshal(text)
	return out
}

// textOf is a value as a text: a text itself, or JSON.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" {
		return text
	}
	return string(value)
}

// unwrapped is the object, list or text that a text holds in JSON, as exporters
// write what OpenTelemetry has no attribute for; or else the value itself. A
// number in a text stays a text.
func unwrapped(value json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(value, &text) != nil || text == "" || !strings.ContainsAny(text[:1], `{["`) || !json.Valid([]byte(text)) {
		return value
	}
	return json.RawMessage(text)
}
