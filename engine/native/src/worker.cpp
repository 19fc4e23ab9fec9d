#include "worker.h"
#include <atomic>

namespace {

struct LaneState {
    std::condition_variable wake;
    std::deque<std::function<void()>> jobs;
    std::thread thread; // started with the first job
};

struct State {
    std::mutex mutex; // of both lanes
    LaneState lanes[2];
    std::atomic<bool> leaving{false};
    napi_threadsafe_function toJs = nullptr;
    std::atomic<int> pending{0}; // jobs whose promise is not settled; JavaScript's thread only
};

// Never destroyed: the worker may outlive static destruction.
State & state() {
    static State * s = new State;
    return *s;
}

void callJs(napi_env env, napi_value, void *, void * data) {
    std::unique_ptr<std::function<void(Napi::Env)>> task(
        static_cast<std::function<void(Napi::Env)> *>(data));
    if (!env) return; // the environment is gone
    Napi::HandleScope scope(env);
    try {
        (*task)(Napi::Env(env));
    } catch (const Napi::Error & e) {
        // A callback of ours threw: report it as uncaught, never through C++ frames.
        napi_fatal_exception(env, e.Value());
    }
}

void loop(LaneState & lane) {
    State & s = state();
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock<std::mutex> lock(s.mutex);
            lane.wake.wait(lock, [&] { return s.leaving || !lane.jobs.empty(); });
            if (s.leaving) return;
            job = std::move(lane.jobs.front());
            lane.jobs.pop_front();
        }
        job();
    }
}

} // namespace

void Worker::start(Napi::Env env) {
    State & s = state();
    napi_value name = Napi::String::New(env, "braid");
    const napi_status status = napi_create_threadsafe_function(
        env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, callJs, &s.toJs);
    if (status != napi_ok)
        throw CodedError("internal", "cannot create the engine's channel to JavaScript");
    napi_unref_threadsafe_function(env, s.toJs);
    napi_add_env_cleanup_hook(env, [](void *) { leave(); }, nullptr);
}

void Worker::leave() {
    State & s = state();
    {
        std::lock_guard<std::mutex> lock(s.mutex);
        s.leaving = true;
    }
    for (LaneState & lane : s.lanes) {
        lane.wake.notify_all();
        if (lane.thread.joinable()) lane.thread.join();
    }
}

void Worker::post(std::function<void()> job, Lane which) {
    State & s = state();
    LaneState & lane = s.lanes[(int) which];
    {
        std::lock_guard<std::mutex> lock(s.mutex);
        if (s.leaving) return;
        lane.jobs.push_back(std::move(job));
        if (!lane.thread.joinable()) lane.thread = std::thread([&lane] { loop(lane); });
    }
    lane.wake.notify_one();
}

void Worker::toJs(std::function<void(Napi::Env)> task) {
    State & s = state();
    auto * data = new std::function<void(Napi::Env)>(std::move(task));
    if (napi_call_threadsafe_function(s.toJs, data, napi_tsfn_nonblocking) != napi_ok) delete data;
}

bool Worker::leaving() {
    return state().leaving;
}

JsCallback holdCallback(const Napi::Function & function) {
    return JsCallback(new Napi::FunctionReference(Napi::Persistent(function)),
                      [](Napi::FunctionReference * reference) {
                          Worker::toJs([reference](Napi::Env) { delete reference; });
                      });
}

static void settle(const DeferredPtr & deferred,
                   const std::function<std::function<Napi::Value(Napi::Env)>()> & work) {
    std::string code, message;
    std::function<Napi::Value(Napi::Env)> make;
    try {
        make = work();
    } catch (const CodedError & e) {
        code = e.code;
        message = e.what();
    } catch (const std::bad_alloc &) {
        code = "out-of-memory";
        message = "Not enough memory";
    } catch (const std::exception & e) {
        code = "internal";
        message = e.what();
    }
    Worker::toJs([deferred, make, code, message](Napi::Env env) {
        State & s = state();
        if (make)
            deferred->Resolve(make(env));
        else
            deferred->Reject(toJsError(env, code, message).Value());
        if (--s.pending == 0) napi_unref_threadsafe_function(env, s.toJs);
    });
}

Napi::Promise runOnWorker(Napi::Env env,
                          std::function<std::function<Napi::Value(Napi::Env)>()> work, Lane lane) {
    State & s = state();
    auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
    if (s.pending++ == 0) napi_ref_threadsafe_function(env, s.toJs);
    Worker::post([deferred, work = std::move(work)] { settle(deferred, work); }, lane);
    return deferred->Promise();
}
