// SPDX-License-Identifier: Apache-2.0
//
// Owns the precompiled headers of all test programs (tests/CMakeLists.txt).
int main() { return 0; }
