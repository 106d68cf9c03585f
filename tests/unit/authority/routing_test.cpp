// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/authority/desk.hpp"

#include <gmock/gmock.h>

namespace holdfast::authority::test {
namespace {

using testing::Contains;
using testing::Pair;

class RoutingTest : public Desk {
 protected:
  int status_of(std::string method, std::string path) {
    return desk().answer({std::move(method), std::move(path), {}, "application/json", "", ""}).status;
  }
};

TEST_F(RoutingTest, KnowsItsPathsAndNoOthers) {
  EXPECT_EQ(status_of("GET", "/healthz"), 200);
  EXPECT_EQ(status_of("HEAD", "/healthz"), 200);
  EXPECT_EQ(status_of("POST", "/api/accounts/v1/agent/register"), 401);
  for (const char* path :
       {"/", "", "/healthz/", "/verify/", "/v1/agent/register", "/api/accounts", "/api/accounts/v1/agent/",
        "/api/accounts/v1/agent/register/", "/api/accounts//v1/agent/register", "/api/accountsX/v1/agent/register",
        "/api/accounts/v1/agent/a/b/task/register", "/api/accounts/v1/agent/a/task/registers",
        "/api/accounts/v1/agent/a/../register"}) {
    EXPECT_EQ(status_of("POST", path), 404) << path;
  }
}

TEST_F(RoutingTest, NamesTheMethodsAPathTakes) {
  const Answer health = desk().answer({"POST", "/healthz", {}, "", "", ""});
  EXPECT_EQ(health.status, 405);
  EXPECT_THAT(health.headers, Contains(Pair("Allow", "GET, HEAD")));
  for (const char* path : {"/api/accounts/v1/agent/register", "/api/accounts/v1/agent/a/task/register"}) {
    const Answer answer = desk().answer({"GET", path, {}, "", "", ""});
    EXPECT_EQ(answer.status, 405) << path;
    EXPECT_THAT(answer.headers, Contains(Pair("Allow", "POST"))) << path;
  }
}

TEST_F(RoutingTest, VerifiesUnderEveryMethod) {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    EXPECT_EQ(status_of(method, "/verify"), 401) << method;
    EXPECT_EQ(status_of(method, "/api/accounts/verify"), 401) << method;
  }
}

TEST_F(RoutingTest, ServesWithoutABasePath) {
  Authority bare("", rules_, store_, clock_);
  EXPECT_EQ(bare.answer({"POST", "/v1/agent/register", {}, "", "", ""}).status, 401);
  EXPECT_EQ(bare.answer({"POST", "/api/accounts/v1/agent/register", {}, "", "", ""}).status, 404);
}

}  // namespace
}  // namespace holdfast::authority::test
