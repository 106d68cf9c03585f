// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::bench {

/// What a bench does; its arguments stand at the top of its file. Throws where it cannot. 2: wrong use.
int run(int argc, char** argv);

}  // namespace holdfast::bench
