// How work is asked to end.
#pragma once
#include <atomic>
#include <memory>

// Raised once, from any thread, by whoever wants the work to end; polled by the work. Raised, too, with its parent:
// the environment that leaves stops its contexts, and a context that is freed stops its operations.
class StopFlag {
public:
    explicit StopFlag(std::shared_ptr<const StopFlag> parent = nullptr)
        : parent(std::move(parent)) {}
    void raise() { own = true; }
    bool raised() const { return own || (parent && parent->raised()); }

private:
    std::atomic<bool> own{false};
    const std::shared_ptr<const StopFlag> parent;
};
