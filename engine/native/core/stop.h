// A flag that asks work to end.
#pragma once
#include <atomic>
#include <memory>

// Any thread may raise the flag, once; the work polls it. Raising a parent also raises its children: an environment
// that ends stops its contexts, and a context that is freed stops its operations.
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
