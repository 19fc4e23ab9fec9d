#include "harness.h"

std::shared_ptr<Model> openModel() {
    return Model::load({modelFile(), "cpu", 0}, StopFlag(), nullptr);
}

ContextParams Fixture::params(int32_t cells) {
    ContextParams p;
    p.cells = cells;
    p.sequences = 8;
    p.threads = 1;
    p.kvType = "f32";
    p.flashAttention = "off";
    return p;
}

Fixture::Fixture(int32_t cells, bool attention) {
    ContextParams p = params(cells);
    p.attention = attention;
    context = std::make_shared<Context>(model, p, leaving);
    loop = std::make_shared<Loop>(context);
}

void Fixture::fill(int32_t seq, const Ids & tokens) {
    PrefillParams p;
    p.seq = seq;
    p.tokens = tokens;
    prefill(*context, p, StopFlag(), nullptr);
}

StreamPart cells(int32_t from, int32_t end) {
    StreamPart part;
    part.from = from;
    part.end = end;
    return part;
}

StreamPart words(const Ids & tokens) {
    StreamPart part;
    part.tokens = tokens;
    return part;
}

StreamParams stream(int32_t id, int32_t budget, const Ids & forced) {
    StreamParams p;
    p.id = p.seq = id;
    p.budget = budget;
    p.forced = forced;
    return p;
}

void Decoded::take(const DecodeReport & report) {
    for (const auto & [id, records] : report.tokens)
        tokens[id].insert(tokens[id].end(), records.begin(), records.end());
    for (const StreamEnd & end : report.ended) ends[end.id].push_back(end);
    paused.insert(paused.end(), report.paused.begin(), report.paused.end());
}

Ids Decoded::ids(int32_t stream) const {
    Ids ids;
    if (tokens.count(stream))
        for (const TokenRecord & token : tokens.at(stream)) ids.push_back(token.id);
    return ids;
}

std::string Decoded::reason(int32_t stream) const {
    CHECK_EQUAL(ends.count(stream), 1u);
    CHECK_EQUAL(ends.at(stream).size(), 1u);
    return ends.at(stream)[0].reason;
}

std::string Decoded::code(int32_t stream) const {
    CHECK_EQUAL(ends.count(stream), 1u);
    return ends.at(stream).back().code;
}

PrefillResult prefill(Context & context, const PrefillParams & params, const StopFlag & stop,
                      const std::function<void(size_t)> & onProgress, size_t most) {
    Fill fill(context, params);
    for (bool over = false; !over;) {
        over = fill.advance(most, stop);
        if (onProgress) onProgress(fill.done());
    }
    return fill.result();
}

Decoding::Decoding(const Fixture & fixture, DecodeParams params)
    : flag(std::make_shared<StopFlag>(fixture.leaving))
    , shared(std::make_shared<Decode>(
          *fixture.loop, std::move(params), flag,
          [this](DecodeReport report) {
              decoded.take(report);
              if (onReport) onReport();
              if (onReading)
                  for (const auto & [id, reading] : report.reading) onReading(id, reading);
          },
          [this](std::exception_ptr error, DecodeResult result) {
              over = true;
              decoded.result = result;
              if (error) std::rethrow_exception(error);
          }))
    , decode(*shared)
    , loop(fixture.loop) {
    loop->begin(shared);
}

Decoded & Decoding::run() {
    while (!over) {
        const bool more = loop->turn();
        CHECK(more || over);
    }
    return decoded;
}

DecodeParams streams(const std::vector<StreamParams> & streams, int32_t finish) {
    DecodeParams p;
    p.streams = streams;
    p.rule.finish = finish;
    p.cells = 100'000;
    p.rule.measure.logprobs = true;
    return p;
}

Decoded run(const Fixture & fixture, DecodeParams params) {
    Decoding decoding(fixture, std::move(params));
    return decoding.run();
}

const Ids PROMPT = {10, 20, 30, 40, 50};

Prompted::Prompted(int32_t cells)
    : Fixture(cells) {
    fill(0, PROMPT);
    for (int32_t seq = 1; seq < context->sequences; seq++) again(seq);
}

void Prompted::again(int32_t seq) {
    context->remove(seq, 0);
    context->copy(0, seq, -1);
}

Ids Prompted::alone(const StreamParams & params) {
    again(params.seq);
    const Ids ids = run(*this, streams({params})).ids(params.id);
    again(params.seq);
    return ids;
}
