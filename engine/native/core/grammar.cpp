#include "grammar.h"
#include "llama.h"
#include <algorithm>
#include <cmath>

// Models write line breaks between a thought and its answer.
static const char * AFTER_THOUGHT = "\nroot-after-a-thought ::= [ \\n]{0,4} root\n";

// Returns the index behind the first text that ends a thought; npos if there is none.
static size_t closedAt(const std::vector<std::string> & closes, const std::string & thought) {
    size_t first = std::string::npos;
    for (const std::string & text : closes) {
        const size_t at = thought.find(text);
        if (at != std::string::npos) first = std::min(first, at + text.size());
    }
    return first;
}

Grammar::Grammar(std::shared_ptr<const Model> of, const GrammarParams & params,
                 const std::vector<int32_t> & endTokens)
    : from(params.from)
    , model(std::move(of))
    , sampler(nullptr, llama_sampler_free)
    , opens(params.opens.begin(), params.opens.end())
    , closes(params.closes)
    , ends(endTokens.begin(), endTokens.end())
    , state(closes.empty()    ? ANSWER
            : params.thinking ? THOUGHT
                              : START) {
    require(params.text.size() <= GrammarParams::MAX_TEXT, "out-of-range",
            "The grammar is too large");
    require(!params.text.empty() && params.text.find('\0') == std::string::npos, "bad-request",
            "A grammar is a text without NUL characters"); // llama.cpp takes an empty one for none
    require(closes.size() <= GrammarParams::MAX_MARKERS, "out-of-range",
            "There are too many markers");
    for (const std::string & text : closes)
        require(!text.empty() && text.size() <= GrammarParams::MAX_MARKER, "out-of-range",
                "A marker has from 1 to 256 bytes");
    model->requireTokens(params.opens, "opens");
    model->requireTokens(params.written, "written");
    for (int32_t id = 0; id < model->vocabSize; id++) {
        if (!llama_vocab_is_eog(model->vocab, id)) continue;
        ends.insert(id);
        end = id;
    }
    require(end >= 0, "bad-request",
            "The model has no token that ends a text, which a schema of its answer needs");
    const bool thinks = state != ANSWER;
    const std::string text = thinks ? params.text + AFTER_THOUGHT : params.text;
    sampler.reset(llama_sampler_init_grammar(model->vocab, text.c_str(),
                                             thinks ? "root-after-a-thought" : "root"));
    require(sampler != nullptr, "bad-request",
            "The schema of the answer cannot be made into a grammar. Make it simpler");
    for (int32_t id : params.written) accept(id);
}

bool Grammar::isControl(int32_t id) const {
    return llama_vocab_get_attr(model->vocab, id) & LLAMA_TOKEN_ATTR_CONTROL;
}

// Asks llama.cpp. Its tokens are texts, so that a control token would be a text, too.
bool Grammar::fits(int32_t id) const {
    llama_token_data token{id, 0, 0};
    llama_token_data_array one{&token, 1, -1, false};
    llama_sampler_apply(sampler.get(), &one);
    return std::isfinite(token.logit);
}

bool Grammar::inAnswer(int32_t id) const {
    if (ends.count(id)) return fits(end);
    return !isControl(id) && fits(id);
}

bool Grammar::allows(int32_t id) const {
    switch (state) {
    case START:
        return opens.count(id) > 0 || inAnswer(id);
    case THOUGHT: {
        if (ends.count(id)) return false;
        // A token that ends the thought cannot begin the answer, too.
        const std::string text = tail + model->tokenBytes(id);
        const size_t at = closedAt(closes, text);
        return at == std::string::npos ||
               text.find_first_not_of(" \t\r\n", at) == std::string::npos;
    }
    case ANSWER:
        return inAnswer(id);
    default:
        return false;
    }
}

void Grammar::restrict(float * logits) const {
    if (state == THOUGHT || state == BROKEN) {
        for (int32_t id = 0; id < model->vocabSize; id++)
            if (!allows(id)) logits[id] = -INFINITY;
        return;
    }
    std::vector<llama_token_data> tokens;
    for (int32_t id = 0; id < model->vocabSize; id++)
        if (std::isfinite(logits[id]) && !ends.count(id) && !isControl(id))
            tokens.push_back({id, logits[id], 0});
    llama_token_data_array all{tokens.data(), tokens.size(), -1, false};
    llama_sampler_apply(sampler.get(), &all);
    std::vector<float> left(model->vocabSize, -INFINITY);
    for (const llama_token_data & token : tokens) left[token.id] = token.logit;
    if (state == START)
        for (int32_t id : opens) left[id] = logits[id];
    for (int32_t id : ends) left[id] = allows(id) ? logits[id] : -INFINITY;
    std::copy(left.begin(), left.end(), logits);
}

bool Grammar::accept(int32_t id) {
    if (!allows(id)) {
        state = BROKEN;
        return false;
    }
    if (state == START) state = !inAnswer(id) ? THOUGHT : ANSWER;
    if (state == ANSWER) return ends.count(id) || acceptAnswer(id);
    think(id);
    return true;
}

bool Grammar::acceptAnswer(int32_t id) {
    try {
        llama_sampler_accept(sampler.get(), id);
        return true;
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::exception &) {
        state = BROKEN;
        return false;
    }
}

void Grammar::think(int32_t id) {
    tail += model->tokenBytes(id);
    if (closedAt(closes, tail) != std::string::npos)
        state = ANSWER;
    else if (tail.size() > GrammarParams::MAX_MARKER)
        tail.erase(0, tail.size() - GrammarParams::MAX_MARKER);
}
