#include "grammar.h"
#include "harness.h"
#include <cmath>
#include <random>

TEST("a grammar allows what it accepts and nothing else, on any way through it") {
    const auto model = openModel();
    for (const char * text :
         {"root ::= [^x]*", "root ::= \"a\" [a-z0-9 ]{1,20} | \"{\" root \"}\"",
          "root ::= item (\",\" item){0,3}\nitem ::= \"true\" | \"null\" | [0-9]+"})
        for (const bool thinks : {false, true}) {
            GrammarParams params;
            params.text = text;
            if (thinks) {
                params.closes = {"e", "ab"};
                params.thinking = true;
            }
            for (uint32_t seed = 0; seed < 20; seed++) {
                std::mt19937 random(seed);
                Grammar grammar(model, params, {});
                for (int step = 0; step < 40; step++) {
                    std::vector<float> logits(model->vocabSize, 1);
                    grammar.restrict(logits.data());
                    std::vector<int32_t> allowed;
                    for (int32_t id = 0; id < model->vocabSize; id++) {
                        CHECK_EQUAL(grammar.allows(id), std::isfinite(logits[id]));
                        if (grammar.allows(id)) allowed.push_back(id);
                    }
                    if (allowed.empty()) break;
                    const bool right = random() % 8 > 0;
                    const int32_t id = right ? allowed[random() % allowed.size()]
                                             : (int32_t) (random() % model->vocabSize);
                    const bool may = grammar.allows(id);
                    CHECK_EQUAL(grammar.accept(id), may);
                    if (may) continue;
                    for (int32_t any = 0; any < model->vocabSize; any++)
                        CHECK(!grammar.allows(any));
                    break;
                }
            }
        }
}

TEST("what is not a grammar is refused") {
    const auto model = openModel();
    const auto code = [&](const std::string & text) {
        GrammarParams params;
        params.text = text;
        return codeOf([&] { Grammar(model, params, {}); });
    };
    for (const std::string & text :
         {std::string(), std::string("root ::= (\"a\""), std::string("start ::= \"a\""),
          std::string("root ::= missing"), std::string("root ::= \"a\0\"", 13),
          std::string("root ::= root \"a\"")})
        CHECK_EQUAL(code(text), "bad-request");
    CHECK_EQUAL(code(std::string(GrammarParams::MAX_TEXT + 1, ' ')), "out-of-range");
}
