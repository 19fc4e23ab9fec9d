// core-tests CPU_BACKEND MODEL NAME: runs the test of that name. Exit codes: 0 passed, 1 failed, 2 unknown test.
#include "devices.h"
#include "engine.h"
#include "harness.h"
#include <cstdio>

std::vector<Test> & tests() {
    static std::vector<Test> all;
    return all;
}

static std::string model;

const std::string & modelFile() {
    return model;
}

int main(int argc, char ** argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: core-tests CPU_BACKEND MODEL NAME\n");
        return 2;
    }
    model = argv[2];
    engine::start();
    if (!devices::loadBackend(argv[1])) {
        fprintf(stderr, "The CPU backend %s does not run here\n", argv[1]);
        return 1;
    }
    for (const Test & test : tests()) {
        if (std::string(test.name) != argv[3]) continue;
        try {
            test.body();
            return 0;
        } catch (const CodedError & e) {
            fprintf(stderr, "%s: %s\n", e.code.c_str(), e.what());
        } catch (const std::exception & e) {
            fprintf(stderr, "%s\n", e.what());
        }
        return 1;
    }
    fprintf(stderr, "There is no test named %s\n", argv[3]);
    return 2;
}
