#include "schema.h"
#include "json-schema-to-grammar.h"
#include <stdexcept>

namespace {
constexpr size_t MAX_SCHEMA = 1 << 20;
constexpr int MAX_DEPTH = 128;

// The recursive functions of the converter would overflow the stack.
void checkDepth(const std::string & text) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']'))
            depth--;
        if (depth > MAX_DEPTH) throw std::invalid_argument("it is nested too deeply");
    }
}

// So would references that go in circles.
void checkReferences(const common_json & json) {
    if (json.is_object() && json.contains("$ref")) throw std::invalid_argument("it has references");
    if (json.is_object() || json.is_array())
        for (const auto & entry : json.items()) checkReferences(entry.value());
}
} // namespace

std::string schemaGrammar(const std::string & schema) {
    if (schema.size() > MAX_SCHEMA) throw std::invalid_argument("it is too long");
    checkDepth(schema);
    const common_json json = common_json::parse(schema);
    checkReferences(json);
    return json_schema_to_grammar(json, true);
}

// The functions of llama.cpp's common.cpp that the converter uses.

std::string string_join(const std::vector<std::string> & values, const std::string & separator) {
    std::string joined;
    for (size_t i = 0; i < values.size(); i++) joined += (i > 0 ? separator : "") + values[i];
    return joined;
}

std::string string_repeat(const std::string & text, size_t n) {
    std::string repeated;
    for (size_t i = 0; i < n; i++) repeated += text;
    return repeated;
}

std::vector<std::string> string_split(const std::string & text, const std::string & delimiter) {
    std::vector<std::string> parts;
    size_t from = 0;
    for (size_t at; (at = text.find(delimiter, from)) != std::string::npos;
         from = at + delimiter.size())
        parts.push_back(text.substr(from, at - from));
    parts.push_back(text.substr(from));
    return parts;
}
