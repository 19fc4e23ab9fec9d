#include "worker.h"

// Reports what a JavaScript callback threw as uncaught, instead of throwing through C++ frames.
static void reportUncaught(Napi::Env env, const std::function<Napi::Error()> & error) {
    try {
        napi_fatal_exception(env, error().Value());
    } catch (const Napi::Error &) {
        // the environment is ending and runs no more JavaScript
    }
}

static void callJs(napi_env env, napi_value, void *, void * data) {
    std::unique_ptr<std::function<void(Napi::Env)>> task(
        static_cast<std::function<void(Napi::Env)> *>(data));
    if (!env) return; // the environment is gone
    Napi::HandleScope scope(env);
    try {
        const auto failure = failureOf([&] { (*task)(Napi::Env(env)); });
        if (failure) reportUncaught(env, [&] { return failure->toJs(env); });
    } catch (const Napi::Error & e) {
        reportUncaught(env, [&] { return e; });
    }
}

Worker::Worker(Napi::Env env) {
    napi_value name = Napi::String::New(env, "braid");
    const napi_status status = napi_create_threadsafe_function(
        env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, callJs, &channel);
    require(status == napi_ok, "internal", "The engine's channel to JavaScript cannot be created");
    napi_unref_threadsafe_function(env, channel);
}

void Worker::loop() {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock<std::mutex> lock(mutex);
            wake.wait(lock, [&] { return leaving->raised() || !jobs.empty(); });
            if (leaving->raised()) return;
            job = std::move(jobs.front());
            jobs.pop_front();
        }
        job();
    }
}

void Worker::stop() {
    {
        std::lock_guard<std::mutex> lock(mutex);
        leaving->raise();
    }
    wake.notify_all();
}

void Worker::leave() {
    stop();
    if (thread.joinable()) thread.join();
    std::deque<std::function<void()>> forgotten;
    std::lock_guard<std::mutex> lock(mutex);
    jobs.swap(forgotten);
}

void Worker::close() {
    leave();
    std::lock_guard<std::mutex> lock(mutex);
    channel = nullptr;
}

void Worker::toJs(std::function<void(Napi::Env)> task) {
    auto data = std::make_unique<std::function<void(Napi::Env)>>(std::move(task));
    std::lock_guard<std::mutex> lock(mutex);
    if (channel &&
        napi_call_threadsafe_function(channel, data.get(), napi_tsfn_nonblocking) == napi_ok)
        data.release();
}

// Runs on JavaScript's thread.
void Worker::settle(Napi::Env env, const Napi::Promise::Deferred & deferred,
                    std::optional<Failure> failure, const MakeValue & make) {
    Napi::Value value;
    try {
        if (!failure) failure = failureOf([&] { value = make(env); });
        if (failure)
            deferred.Reject(failure->toJs(env).Value());
        else
            deferred.Resolve(value);
    } catch (const Napi::Error & e) {
        deferred.Reject(e.Value());
    }
    if (--pending == 0) napi_unref_threadsafe_function(env, channel);
}

void Worker::post(std::function<void()> job) {
    std::lock_guard<std::mutex> lock(mutex);
    if (leaving->raised()) return;
    jobs.push_back(std::move(job));
    if (!thread.joinable()) thread = std::thread([this] { loop(); });
    wake.notify_one();
}

std::pair<Napi::Promise, Worker::Settle> Worker::promise(Napi::Env env) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    if (pending++ == 0) napi_ref_threadsafe_function(env, channel);
    return {deferred.Promise(), [this, deferred](std::optional<Failure> failure, MakeValue make) {
                toJs([this, deferred, failure = std::move(failure), make = std::move(make)](
                         Napi::Env env) { settle(env, deferred, failure, make); });
            }};
}

Napi::Promise Worker::run(Napi::Env env, std::function<MakeValue()> work) {
    const auto [promise, settle] = this->promise(env);
    post([settle = settle, work = std::move(work)] {
        MakeValue make;
        auto failure = failureOf([&] { make = work(); });
        settle(std::move(failure), std::move(make));
    });
    return promise;
}

JsCallback holdCallback(const std::shared_ptr<Worker> & worker, const Napi::Function & function) {
    return JsCallback(new Napi::FunctionReference(Napi::Persistent(function)),
                      [worker](Napi::FunctionReference * reference) {
                          worker->toJs([reference](Napi::Env) { delete reference; });
                      });
}
