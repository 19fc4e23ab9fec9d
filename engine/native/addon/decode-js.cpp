#include "decode-js.h"
#include "../core/decode.h"
#include "args.h"
#include "environment.h"
#include "values.h"

namespace {

SamplerParams samplerArgs(const Napi::Object & o) {
    using P = SamplerParams;
    P p;
    p.temperature = (float) args::real(o, "temperature", 0, P::MAX_TEMPERATURE);
    p.topK = (int32_t) args::whole(o, "topK", 0, P::MAX_TOP_K);
    p.topP = (float) args::real(o, "topP", 0, 1);
    p.minP = (float) args::real(o, "minP", 0, 1);
    p.repetitionPenalty = (float) args::real(o, "repetitionPenalty", 0.1, P::MAX_PENALTY);
    p.repetitionWindow = (int32_t) args::whole(o, "repetitionWindow", 0, P::MAX_WINDOW);
    p.seed = (uint32_t) args::whole(o, "seed", 0, UINT32_MAX);
    return p;
}

StreamPart::Place placeArg(const Napi::Value & value) {
    if (value.IsUndefined()) return StreamPart::SHARED;
    const std::string place = args::text(value, "place");
    if (place == "move") return StreamPart::MOVE;
    if (place == "copy") return StreamPart::COPY;
    require(place == "shared", "bad-request", "place must be shared, move or copy");
    return StreamPart::SHARED;
}

std::vector<StreamPart> partArgs(const Context & c, const Napi::Value & value) {
    std::vector<StreamPart> parts;
    if (value.IsUndefined()) return parts;
    const Napi::Array list = args::array(value, "parts");
    for (uint32_t i = 0; i < list.Length(); i++) {
        const Napi::Value item = list.Get(i);
        if (!item.IsObject()) throw CodedError("bad-request", "a part must be an object");
        const Napi::Object o = item.As<Napi::Object>();
        StreamPart part;
        if (o.Has("tokens")) {
            part.tokens = args::tokens(o.Get("tokens"), "tokens", c.model->vocabSize);
            part.thought = (int32_t) args::whole(o, "thought", -1, 65536);
        } else {
            part.from = (int32_t) args::whole(o, "from", 0, c.sequences - 1);
            part.start = (int32_t) args::whole(o, "start", 0, INT32_MAX, 0);
            part.end = (int32_t) args::whole(o, "end", -1, INT32_MAX, -1);
            part.place = placeArg(o.Get("place"));
        }
        parts.push_back(std::move(part));
    }
    return parts;
}

std::shared_ptr<Grammar> grammarArgs(const Context & c, const Napi::Object & o,
                                     const StreamParams & p) {
    const int32_t vocab = c.model->vocabSize;
    GrammarParams g;
    g.text = args::text(o, "text");
    g.from = (int32_t) args::whole(o, "from", 0, (int64_t) p.forced.size(), 0);
    g.written = args::tokens(o.Get("written"), "written", vocab);
    if (const auto thought = args::object(o, "thought")) {
        g.opens = args::tokens(thought->Get("opens"), "opens", vocab);
        g.thinking = args::flag(*thought, "begun");
        const Napi::Array closes = args::array(thought->Get("closes"), "closes");
        for (uint32_t i = 0; i < closes.Length() && i <= GrammarParams::MAX_MARKERS; i++)
            g.closes.push_back(args::text(closes.Get(i), "closes"));
    }
    std::vector<int32_t> ends = p.stops;
    ends.insert(ends.end(), p.ends.begin(), p.ends.end());
    if (p.endToken >= 0) ends.push_back(p.endToken);
    return std::make_shared<Grammar>(c.model, g, ends);
}

StreamParams streamArgs(const Context & c, const Napi::Object & o) {
    StreamParams p;
    const int32_t vocab = c.model->vocabSize;
    p.id = (int32_t) args::whole(o, "id", 0, INT32_MAX);
    p.seq = (int32_t) args::whole(o, "seq", 0, c.sequences - 1);
    p.thought = (int32_t) args::whole(o, "thought", -1, 65536);
    p.forced = args::tokens(o.Get("forced"), "forced", vocab);
    p.silent = (int32_t) args::whole(o, "silent", 0, (int64_t) p.forced.size(), 0);
    p.budget = (int32_t) args::whole(o, "budget", 1, INT32_MAX);
    p.masked = args::tokens(o.Get("masked"), "masked", vocab);
    p.history = args::tokens(o.Get("history"), "history", vocab);
    p.stops = args::tokens(o.Get("stops"), "stops", vocab);
    p.ends = args::tokens(o.Get("ends"), "ends", vocab);
    p.pauses = args::tokens(o.Get("pauses"), "pauses", vocab);
    p.endToken = (int32_t) args::whole(o, "endToken", -1, vocab - 1);
    p.group = (int32_t) args::whole(o, "group", 0, INT32_MAX);
    const auto sampler = args::object(o, "sampler");
    require(sampler.has_value(), "bad-request", "sampler must be an object");
    p.sampler = samplerArgs(*sampler);
    if (const auto branch = args::object(o, "branch")) {
        p.branchFrom = (int32_t) args::whole(*branch, "from", 0, c.sequences - 1);
        p.branchEnd = (int32_t) args::whole(*branch, "end", 1, INT32_MAX);
    }
    p.cells = args::whole(o, "cells", 0, INT32_MAX, 0);
    p.parts = partArgs(c, o.Get("parts"));
    if (const auto grammar = args::object(o, "grammar")) p.grammar = grammarArgs(c, *grammar, p);
    return p;
}

// Reads the rule of a group; fields that are absent are those of `rule`.
GroupRule ruleArgs(const Context & c, const Napi::Object & o, GroupRule rule) {
    rule.finish = (int32_t) args::whole(o, "finish", 0, INT32_MAX, rule.finish);
    rule.measure.alternatives = (int32_t) args::whole(
        o, "alternatives", 0, Measure::MAX_ALTERNATIVES, rule.measure.alternatives);
    if (!o.Get("logprobs").IsUndefined()) rule.measure.logprobs = args::flag(o, "logprobs");
    if (!o.Get("confidence").IsUndefined()) rule.measure.confidence = args::flag(o, "confidence");
    if (!o.Get("report").IsUndefined()) rule.report = args::flag(o, "report");
    rule.merge = (int32_t) args::whole(o, "merge", 0, c.sequences, rule.merge);
    return rule;
}

int32_t groupArg(const Napi::Object & o) {
    return (int32_t) args::whole(o, "id", 0, INT32_MAX);
}

DecodeParams decodeArgs(const Context & c, const Napi::Object & o) {
    DecodeParams p;
    p.rule.finish = (int32_t) args::whole(o, "finish", 0, INT32_MAX);
    p.cells = args::whole(o, "cells", 0, INT32_MAX);
    p.rule.measure = {args::flag(o, "logprobs"),
                      (int32_t) args::whole(o, "alternatives", 0, Measure::MAX_ALTERNATIVES)};
    if (!o.Get("confidence").IsUndefined()) p.rule.measure.confidence = args::flag(o, "confidence");
    const Napi::Array streams = args::array(o.Get("streams"), "streams");
    for (uint32_t i = 0; i < streams.Length() && i <= (uint32_t) c.sequences; i++) {
        if (!streams.Get(i).IsObject())
            throw CodedError("bad-request", "a stream must be an object");
        p.streams.push_back(streamArgs(c, streams.Get(i).As<Napi::Object>()));
    }
    if (o.Get("groups").IsUndefined()) return p;
    const Napi::Array groups = args::array(o.Get("groups"), "groups");
    for (uint32_t i = 0; i < groups.Length(); i++) {
        if (!groups.Get(i).IsObject()) throw CodedError("bad-request", "a group must be an object");
        const Napi::Object group = groups.Get(i).As<Napi::Object>();
        p.groups[groupArg(group)] = ruleArgs(c, group, p.rule);
    }
    return p;
}

// JavaScript may keep the handle, and onBatch may refer to the handle's owner. This indirection frees the decode when
// it ends, instead of when garbage is collected.
struct Running {
    std::shared_ptr<Decode> decode; // JavaScript's thread only; null once the decode is over
    std::shared_ptr<Loop> loop;     // likewise
    GroupRule rule;
};

bool stopReason(const Napi::Value & value) {
    const std::string reason = args::text(value, "reason");
    require(reason == "cut" || reason == "stopped", "bad-request", "reason must be stopped or cut");
    return reason == "cut";
}

// Defines the commands of NativeDecode. Each reads its arguments and returns false once the decode is over.
void setCommands(Napi::Env env, Napi::Object handle, const std::shared_ptr<Running> & running) {
    using Send = std::function<bool(Decode &, const Context &, const Napi::CallbackInfo &)>;
    const auto idArg = [](const Napi::CallbackInfo & info) {
        return (int32_t) args::whole(info[0], "id", 0, INT32_MAX);
    };
    const auto command = [&](const char * name, Send send) {
        handle.Set(name, Napi::Function::New(env, [=](const Napi::CallbackInfo & info) {
                       return guarded(info.Env(), [&] {
                           const auto decode = running->decode;
                           return Napi::Boolean::New(
                               info.Env(), decode && send(*decode, *decode->context, info));
                       });
                   }));
    };
    command("stop", [=](Decode & decode, const Context &, const Napi::CallbackInfo & info) {
        return decode.stop(idArg(info), stopReason(info[1]));
    });
    command("extend", [=](Decode & decode, const Context &, const Napi::CallbackInfo & info) {
        const int32_t tokens = (int32_t) args::whole(info[1], "tokens", 1, INT32_MAX);
        const int64_t cells =
            info[2].IsUndefined() ? 0 : args::whole(info[2], "cells", 0, INT32_MAX);
        return decode.extend(idArg(info), tokens, cells);
    });
    command("add", [](Decode & decode, const Context & c, const Napi::CallbackInfo & info) {
        return decode.add(streamArgs(c, args::object(info, 0)));
    });
    command("remove", [](Decode & decode, const Context & c, const Napi::CallbackInfo & info) {
        return decode.remove((int32_t) args::whole(info[0], "seq", 0, c.sequences - 1));
    });
    command("resume", [=](Decode & decode, const Context & c, const Napi::CallbackInfo & info) {
        return decode.resume(idArg(info), args::tokens(info[1], "forced", c.model->vocabSize));
    });
    command("setGroup", [=](Decode & decode, const Context & c, const Napi::CallbackInfo & info) {
        const Napi::Object o = args::object(info, 0);
        return decode.setGroup(groupArg(o), ruleArgs(c, o, running->rule));
    });
}

} // namespace

Napi::Value startDecode(Napi::Env env, const std::shared_ptr<Loop> & loop,
                        const std::shared_ptr<const StopFlag> & operations,
                        const Napi::Object & o) {
    DecodeParams params = decodeArgs(*loop->context(), o);
    const auto worker = workerOf(env);
    const JsCallback onBatch = holdCallback(worker, args::function(o, "onBatch"));
    const auto onReport = [worker, onBatch](DecodeReport report) {
        worker->toJs([onBatch, report = std::move(report)](Napi::Env env) {
            onBatch->Call({toJs(env, report)});
        });
    };
    const auto stop = std::make_shared<StopFlag>(operations);
    const auto running = std::make_shared<Running>(Running{nullptr, loop, params.rule});
    // Filled in below: a promise that no decode settles would keep the process alive.
    const auto settling = std::make_shared<Worker::Settle>();
    running->decode = std::make_shared<Decode>(
        *loop, std::move(params), stop, onReport,
        [worker, settling, ended = std::weak_ptr<Running>(running)](std::exception_ptr error,
                                                                    const DecodeResult & result) {
            worker->toJs([ended](Napi::Env) {
                if (const auto running = ended.lock()) *running = {};
            });
            (*settling)(failureIn(error), [result](Napi::Env env) -> Napi::Value {
                Napi::Object o = Napi::Object::New(env);
                o.Set("steps", (double) result.steps);
                o.Set("ms", result.ms);
                o.Set("firstTokenMs", result.firstTokenMs);
                return o;
            });
        });
    auto [promise, settle] = worker->promise(env);
    *settling = settle;
    Napi::Object handle = Napi::Object::New(env);
    handle.Set("done", promise);
    setCommands(env, handle, running);
    handle.Set("cancel", Napi::Function::New(env, [stop, running](const Napi::CallbackInfo &) {
                   stop->raise();
                   if (running->loop) running->loop->wake();
               }));
    loop->begin(running->decode);
    return handle;
}
