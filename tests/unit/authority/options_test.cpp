// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::authority {
namespace {

using testing::HasSubstr;

using Given = std::vector<std::pair<std::string, std::string>>;

std::variant<Options, WrongUse> read(const Given& given) {
  command_line::Arguments arguments;
  for (const auto& [name, value] : given) arguments.add(name, value);
  return read_options(arguments);
}

TEST(OptionsTest, HasSafeDefaults) {
  const Options options = std::get<Options>(read({{"database", "/tmp/a.db"}}));
  EXPECT_EQ(options.listen.host, "127.0.0.1");
  EXPECT_EQ(options.listen.port, 8443);
  EXPECT_EQ(options.base_path, "/api/accounts");
  EXPECT_EQ(options.window_seconds, 300);
  EXPECT_EQ(options.answer, AnswerForm::task_id);
  EXPECT_EQ(options.token_file, "/tmp/a.db.token");
  EXPECT_FALSE(options.is_plain_http || options.is_public || options.is_quiet);
}

TEST(OptionsTest, ReadsEachAnswerSpelling) {
  for (const AnswerForm form : {AnswerForm::task_id, AnswerForm::task_id_camel, AnswerForm::encrypted_task_id,
                                AnswerForm::encrypted_task_id_camel}) {
    const auto read_back = read({{"database", "d"}, {"answer", std::string(answer_member(form))}});
    EXPECT_EQ(std::get<Options>(read_back).answer, form);
  }
  EXPECT_FALSE(is_sealed(AnswerForm::task_id_camel));
  EXPECT_TRUE(is_sealed(AnswerForm::encrypted_task_id_camel));
}

TEST(OptionsTest, RefusesWrongUseWithAHint) {
  for (const auto& [given, says] : std::vector<std::pair<Given, std::string>>{
           {{{"database", ""}}, "--database is empty"},
           {{{"answer", "task"}}, "not a spelling"},
           {{{"window", "0"}}, "--window"},
           {{{"window", "86401"}}, "--window"},
           {{{"window", "3x"}}, "--window"},
           {{{"base-path", "api"}}, "--base-path"},
           {{{"base-path", "/api/"}}, "--base-path"},
           {{{"base-path", "/a/../b"}}, "--base-path"},
           {{{"listen", "8443"}}, "no port"},
           {{{"listen", "example.org:1"}}, "not a numeric address"},
           {{{"listen", "0.0.0.0:1"}}, "other machines"},
           {{{"listen", "[::]:1"}}, "other machines"},
           {{{"listen", "0.0.0.0:1"}, {"public", ""}, {"http", ""}}, "loopback addresses only"},
           {{{"certificate", "c"}}, "belong together"},
           {{{"private-key", "k"}}, "belong together"},
           {{{"certificate", "c"}, {"private-key", "k"}, {"http", ""}}, "--http has no certificate"},
           {{{"certificate-out", "c"}, {"http", ""}}, "--http has no certificate"}}) {
    Given all = given;
    if (given.front().first != "database") all.emplace_back("database", "d");
    const auto answer = read(all);
    ASSERT_TRUE(std::holds_alternative<WrongUse>(answer)) << says;
    EXPECT_THAT(std::get<WrongUse>(answer).error, HasSubstr(says));
    EXPECT_FALSE(std::get<WrongUse>(answer).hint.empty());
  }
}

TEST(OptionsTest, TakesPublicAddressesOnPurpose) {
  const auto options = read({{"database", "d"}, {"listen", "0.0.0.0:443"}, {"public", ""}});
  EXPECT_FALSE(std::get<Options>(options).listen.is_loopback);
  EXPECT_EQ(std::get<Options>(read({{"database", "d"}, {"base-path", "/"}})).base_path, "");
}

TEST(ListenAddressTest, KnowsLoopbackFromTheRest) {
  const auto is_loopback = [](std::string_view text) {
    const auto address = parse_listen_address(text);
    EXPECT_TRUE(address) << text;
    return address && address->is_loopback;
  };
  EXPECT_TRUE(is_loopback("127.0.0.1:0"));
  EXPECT_TRUE(is_loopback("127.255.0.9:65535"));
  EXPECT_TRUE(is_loopback("[::1]:1"));
  EXPECT_TRUE(is_loopback("localhost:1"));
  EXPECT_FALSE(is_loopback("128.0.0.1:1"));
  EXPECT_FALSE(is_loopback("[::2]:1"));
  EXPECT_FALSE(is_loopback("[::ffff:127.0.0.1]:1"));
  EXPECT_EQ(parse_listen_address("localhost:1")->host, "127.0.0.1");
}

TEST(ListenAddressTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:1x",
                           ":1", "::1:1", "[127.0.0.1]:1", "[::1", "127.1:1", "0x7f.0.0.1:1", "127.0.0.1 :1"}) {
    EXPECT_EQ(parse_listen_address(text).status(), Status::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace holdfast::authority
