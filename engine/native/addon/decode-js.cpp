#include "../core/decode.h"
#include "args.h"

namespace {

SamplerParams samplerArgs(const Napi::Object & o) {
    SamplerParams p;
    p.temperature = (float) args::real(o, "temperature", 0, 10);
    p.topK = (int32_t) args::whole(o, "topK", 0, 1'000'000);
    p.topP = (float) args::real(o, "topP", 0, 1);
    p.minP = (float) args::real(o, "minP", 0, 1);
    p.repetitionPenalty = (float) args::real(o, "repetitionPenalty", 0.1, 10);
    p.repetitionWindow = (int32_t) args::whole(o, "repetitionWindow", 0, 65536);
    p.seed = (uint32_t) args::whole(o, "seed", 0, UINT32_MAX);
    return p;
}

std::vector<StreamPart> partArgs(const ContextState & c, const StreamParams & p,
                                 const Napi::Value & value) {
    std::vector<StreamPart> parts;
    if (value.IsUndefined()) return parts;
    if (!value.IsArray()) throw CodedError("bad-request", "parts must be an array");
    const Napi::Array list = value.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
        if (!list.Get(i).IsObject()) throw CodedError("bad-request", "a part must be an object");
        const Napi::Object o = list.Get(i).As<Napi::Object>();
        StreamPart part;
        if (o.Has("tokens")) {
            part.tokens = args::tokens(o.Get("tokens"), "tokens", c.model->vocabSize);
            part.thought = (int32_t) args::whole(o, "thought", -1, 65536);
        } else {
            part.from = (int32_t) args::whole(o, "from", 0, c.sequences - 1);
            part.end = (int32_t) args::whole(o, "end", -1, INT32_MAX, -1);
            if (part.from == p.seq)
                throw CodedError("bad-request", "A stream cannot read its own sequence");
        }
        parts.push_back(std::move(part));
    }
    return parts;
}

std::shared_ptr<StreamParams> streamArgs(const ContextState & c, const Napi::Object & o) {
    auto p = std::make_shared<StreamParams>();
    const int32_t vocab = c.model->vocabSize;
    p->id = (int32_t) args::whole(o, "id", 0, INT32_MAX);
    p->seq = (int32_t) args::whole(o, "seq", 0, c.sequences - 1);
    p->thought = (int32_t) args::whole(o, "thought", -1, 65536);
    p->forced = args::tokens(o.Get("forced"), "forced", vocab);
    p->silent = (int32_t) args::whole(o, "silent", 0, (int64_t) p->forced.size(), 0);
    p->budget = (int32_t) args::whole(o, "budget", 1, INT32_MAX);
    p->masked = args::tokens(o.Get("masked"), "masked", vocab);
    p->history = args::tokens(o.Get("history"), "history", vocab);
    p->stops = args::tokens(o.Get("stops"), "stops", vocab);
    p->endToken = (int32_t) args::whole(o, "endToken", -1, vocab - 1);
    p->group = (int32_t) args::whole(o, "group", 0, INT32_MAX);
    if (!o.Get("sampler").IsObject()) throw CodedError("bad-request", "sampler must be an object");
    p->sampler = samplerArgs(o.Get("sampler").As<Napi::Object>());
    const Napi::Value branch = o.Get("branch");
    if (branch.IsObject()) {
        p->branchFrom =
            (int32_t) args::whole(branch.As<Napi::Object>(), "from", 0, c.sequences - 1);
        p->branchEnd = (int32_t) args::whole(branch.As<Napi::Object>(), "end", 1, INT32_MAX);
        if (p->branchFrom == p->seq)
            throw CodedError("bad-request", "A stream cannot branch from its own sequence");
    }
    p->cells = args::whole(o, "cells", 0, INT32_MAX, 0);
    p->parts = partArgs(c, *p, o.Get("parts"));
    return p;
}

} // namespace

Napi::Object toJs(Napi::Env env, const DecodeReport & report) {
    Napi::Object batch = Napi::Object::New(env);
    Napi::Array tokens = Napi::Array::New(env, report.tokens.size()),
                ended = Napi::Array::New(env, report.ended.size());
    for (size_t i = 0; i < report.tokens.size(); i++) {
        Napi::Object o = Napi::Object::New(env);
        o.Set("id", report.tokens[i].first);
        o.Set("tokens", toJs(env, report.tokens[i].second));
        tokens.Set(i, o);
    }
    for (size_t i = 0; i < report.ended.size(); i++) {
        const StreamEnd & e = report.ended[i];
        Napi::Object o = Napi::Object::New(env);
        o.Set("id", e.id);
        o.Set("reason", e.reason);
        if (!e.code.empty()) {
            Napi::Object error = Napi::Object::New(env);
            error.Set("code", e.code);
            error.Set("message", e.message);
            o.Set("error", error);
        }
        ended.Set(i, o);
    }
    batch.Set("tokens", tokens);
    batch.Set("ended", ended);
    return batch;
}

Napi::Value startDecode(Napi::Env env, const std::shared_ptr<ContextState> & context,
                        const Napi::Object & o) {
    auto d = std::make_shared<Decode>();
    d->context = context;
    d->finish = (int32_t) args::whole(o, "finish", 0, INT32_MAX);
    d->cells = args::whole(o, "cells", 0, INT32_MAX);
    d->measure =
        Measure{args::flag(o, "logprobs"), (int32_t) args::whole(o, "alternatives", 0, 20)};
    d->onBatch = holdCallback(args::function(o, "onBatch"));
    if (!o.Get("streams").IsArray()) throw CodedError("bad-request", "streams must be an array");
    const Napi::Array streams = o.Get("streams").As<Napi::Array>();
    if (streams.Length() == 0 || streams.Length() > (uint32_t) context->sequences)
        throw CodedError("out-of-range",
                         "A decode takes from 1 to as many streams as the context has sequences");
    std::unordered_set<int32_t> ids, seqs;
    for (uint32_t i = 0; i < streams.Length(); i++) {
        if (!streams.Get(i).IsObject())
            throw CodedError("bad-request", "a stream must be an object");
        auto p = streamArgs(*context, streams.Get(i).As<Napi::Object>());
        if (!ids.insert(p->id).second)
            throw CodedError("bad-request", "two streams have the same id");
        if (!seqs.insert(p->seq).second)
            throw CodedError("bad-request", "two streams decode in the same sequence");
        d->initial.push_back(std::move(p));
    }
    d->number = ++context->issued;

    const Napi::Promise done = runOnWorker(env, [d] {
        // JavaScript may keep the handle, and onBatch the handle's owner: what they lead to ends here, not when garbage is collected.
        struct Release {
            std::shared_ptr<Decode> d;
            ~Release() {
                Worker::toJs([d = d](Napi::Env) { d->release(); });
            }
        } release{d};
        d->run();
        return [d](Napi::Env env) -> Napi::Value {
            Napi::Object result = Napi::Object::New(env);
            result.Set("steps", (double) d->steps);
            result.Set("ms", d->ms);
            result.Set("firstTokenMs", d->firstTokenMs);
            return result;
        };
    });

    Napi::Object handle = Napi::Object::New(env);
    handle.Set("done", done);
    const auto command = [&](const char * name,
                             std::function<DecodeCommand(const Napi::CallbackInfo &)> read) {
        handle.Set(
            name,
            Napi::Function::New(env, [d, read](const Napi::CallbackInfo & info) -> Napi::Value {
                return guarded(info.Env(), [&]() -> Napi::Value {
                    return Napi::Boolean::New(info.Env(), d->context && d->send(read(info)));
                });
            }));
    };
    command("stop", [](const Napi::CallbackInfo & info) {
        DecodeCommand c(DecodeCommand::STOP);
        c.id = (int32_t) args::whole(info[0], "id", 0, INT32_MAX);
        c.reason = args::text(info[1], "reason") == "cut" ? "cut" : "stopped";
        return c;
    });
    command("extend", [](const Napi::CallbackInfo & info) {
        DecodeCommand c(DecodeCommand::EXTEND);
        c.id = (int32_t) args::whole(info[0], "id", 0, INT32_MAX);
        c.value = (int32_t) args::whole(info[1], "tokens", 1, INT32_MAX);
        return c;
    });
    command("add", [d](const Napi::CallbackInfo & info) {
        DecodeCommand c(DecodeCommand::ADD);
        c.stream = streamArgs(*d->context, args::object(info, 0));
        return c;
    });
    command("remove", [d](const Napi::CallbackInfo & info) {
        DecodeCommand c(DecodeCommand::REMOVE);
        c.id = (int32_t) args::whole(info[0], "seq", 0, d->context->sequences - 1);
        return c;
    });
    handle.Set("cancel", Napi::Function::New(env, [d](const Napi::CallbackInfo &) {
                   d->cancelled = true;
                   // A step under way is aborted too, unless a later operation was asked for already.
                   if (d->context && d->context->issued == d->number) d->context->abort();
               }));
    return handle;
}
