// SPDX-License-Identifier: Apache-2.0
/*
 * grpc.cc - peer-grpc: functions that call each other by gRPC over loopback.
 *
 * For: what a chain costs that is built from services in the usual way.
 * How: each function is a process with a gRPC server. The first one is what the client calls; each
 * calls the next and answers when it was answered, the last answers with what it got. So N
 * functions are N calls; an orchestrating process in front would make them N + 1. All that gRPC
 * for C++ offers for speed is used: the asynchronous interface as protoc's stubs use it, with one
 * thread and one completion queue for server and client together, bodies passed on as the slices
 * they came in, a connection that is open before the first call, no census, no probes of the
 * bandwidth.
 * The method is /bench.Chain/Pass (client: HTTP/2, POST, content-type application/grpc, body =
 * 0 + length in 4 bytes + bytes); gRPC serves nothing else, so there is no GET /.
 * This process starts the functions, the last one first, and speaks no gRPC: SIGINT or SIGTERM ends
 * it, SIGUSR1 prints how many calls each function has passed. Functions end with it, however it
 * ends.
 * Thread-safety: one thread in each process. Failure modes: exit 1 with the reason on stderr, also
 * when a function ends; exit 2 for wrong arguments.
 */
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include "bench/baselines/arguments.h"
#include "bench/baselines/work.h"

namespace
{

constexpr int calls_awaited = 256;
constexpr auto connect_timeout = std::chrono::seconds(10);
constexpr char method_name[] = "/bench.Chain/Pass";

using grpc::internal::RpcMethod;

/* How many calls a function has passed: a cache line of its own. */
struct alignas(64) Count {
	std::atomic<unsigned long long> passed;
};
Count *counts;

/* ---- a function ---- */

class PassService : public grpc::Service
{
      public:
	PassService()
	{
		AddMethod(new grpc::internal::RpcServiceMethod(method_name, RpcMethod::NORMAL_RPC,
							       nullptr));
		MarkMethodRaw(0);
	}

	void request(grpc::ServerContext *context, grpc::ByteBuffer *body,
		     grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> *writer,
		     grpc::ServerCompletionQueue *queue, void *tag)
	{
		RequestAsyncUnary(0, context, body, writer, queue, queue, tag);
	}
};

struct Function {
	PassService service;
	std::unique_ptr<grpc::ServerCompletionQueue> queue;
	std::shared_ptr<grpc::Channel> next; /* none: the last one */
	std::unique_ptr<RpcMethod> method;   /* of the next one */
	Count *count;
};

/* One call, from when it is awaited until it was answered. */
class Call
{
      public:
	explicit Call(Function *f) : function(f), writer(&context)
	{
		f->service.request(&context, &body, &writer, f->queue.get(), this);
	}

	/* What the call waited for has happened, or (not `ok`) cannot any more. */
	void proceed(bool ok)
	{
		switch (state) {
		case State::awaited:
			if (!ok)
				delete this;
			else
				came();
			break;
		case State::passed_on:
			finish(answer);
			break;
		case State::answered:
			delete this;
			break;
		}
	}

      private:
	enum class State {
		awaited,   /* nobody has called yet */
		passed_on, /* the next function has it */
		answered,  /* the answer is being written */
	};

	void came()
	{
		std::vector<grpc::Slice> slices;

		new Call(function);
		body.Dump(&slices);
		for (const grpc::Slice &s : slices)
			work(reinterpret_cast<char *>(const_cast<uint8_t *>(s.begin())), s.size());
		function->count->passed
			.store(function->count->passed.load(std::memory_order_relaxed) + 1,
			       std::memory_order_relaxed);
		if (!function->next) {
			finish(body);
			return;
		}
		state = State::passed_on;
		auto reader = grpc::internal::ClientAsyncResponseReaderHelper::Create<
			grpc::ByteBuffer>(function->next.get(), function->queue.get(),
					  *function->method, &next_context, body);
		reader->StartCall();
		reader->Finish(&answer, &status, this);
	}

	void finish(const grpc::ByteBuffer &with)
	{
		state = State::answered;
		if (status.ok())
			writer.Finish(with, status, this);
		else
			writer.FinishWithError(status, this);
	}

	Function *function;
	State state = State::awaited;
	grpc::ServerContext context;
	grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer;
	grpc::ClientContext next_context;
	grpc::ByteBuffer body, answer;
	grpc::Status status;
};

void connect_next(Function *f, int port)
{
	grpc::ChannelArguments arguments;

	arguments.SetMaxReceiveMessageSize(-1);
	arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
	arguments.SetInt(GRPC_ARG_ENABLE_CENSUS, 0);
	f->next = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
					    grpc::InsecureChannelCredentials(), arguments);
	if (!f->next->WaitForConnected(std::chrono::system_clock::now() + connect_timeout))
		errx(1, "the next function does not answer");
	f->method = std::make_unique<RpcMethod>(method_name, RpcMethod::NORMAL_RPC, f->next);
}

/* Process of function `n`: tells its port to `ready`, and never returns. */
[[noreturn]] void function_run(unsigned n, const std::string &address, size_t body_max,
			       int next_port, int ready)
{
	Function f;
	grpc::ServerBuilder builder;
	std::unique_ptr<grpc::Server> server;
	int port = 0;
	void *tag;
	bool ok;

	f.count = &counts[n];
	builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
	builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
	builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
	builder.AddChannelArgument(GRPC_ARG_ENABLE_CENSUS, 0);
	builder.SetMaxReceiveMessageSize(static_cast<int>(body_max));
	builder.RegisterService(&f.service);
	f.queue = builder.AddCompletionQueue();
	server = builder.BuildAndStart();
	if (!server || !port)
		errx(1, "cannot listen on %s; give another --listen", address.c_str());
	if (next_port)
		connect_next(&f, next_port);
	for (int i = 0; i < calls_awaited; i++)
		new Call(&f);
	if (write(ready, &port, sizeof(port)) != sizeof(port))
		err(1, "pipe");
	while (f.queue->Next(&tag, &ok))
		static_cast<Call *>(tag)->proceed(ok);
	_exit(1);
}

/* ---- the process that starts them ---- */

/* Returns its process, and its port once it serves; no port: it could not start. */
pid_t function_start(unsigned n, const std::string &address, size_t body_max, int *port)
{
	const int next_port = *port;
	const pid_t parent = getpid();
	char name[32];
	int ready[2];
	pid_t pid;

	if (pipe(ready) < 0 || (pid = fork()) < 0)
		err(1, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) /* it died before we asked to be told */
			_exit(1);
		snprintf(name, sizeof(name), "function-%u", n + 1);
		prctl(PR_SET_NAME, name);
		close(ready[0]);
		function_run(n, address, body_max, next_port, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], port, sizeof(*port)) != sizeof(*port))
		*port = 0;
	close(ready[0]);
	return pid;
}

void passed_print(unsigned functions)
{
	fprintf(stderr, "passed:");
	for (unsigned n = 0; n < functions; n++)
		fprintf(stderr, " %llu", counts[n].passed.load(std::memory_order_relaxed));
	fprintf(stderr, "\n");
}

/* Returns the exit code. */
int signals_obey(const sigset_t *signals, unsigned functions)
{
	for (;;) {
		int number = 0;

		sigwait(signals, &number);
		if (number == SIGCHLD) {
			warnx("a function has ended");
			return 1;
		}
		if (number != SIGUSR1)
			return 0;
		passed_print(functions);
	}
}

/* ready: the port of the first one; 0: one has not started. Last one first. */
int functions_start(const arguments &a, const std::string &host, std::vector<pid_t> *pids)
{
	const std::string first = host + ":" + std::to_string(ntohs(a.address.sin_port));
	int port = 0;

	for (unsigned n = a.functions; n-- > 0;) {
		pids->push_back(function_start(n, n ? "127.0.0.1:0" : first, a.body_max, &port));
		if (!port)
			break;
	}
	return port;
}

} // namespace

int main(int argc, char **argv)
{
	arguments a;
	char host[INET_ADDRSTRLEN];
	sigset_t signals;
	std::vector<pid_t> pids;
	int port, code = 1;

	arguments_read(&a, "peer-grpc", 1, argc, argv);
	inet_ntop(AF_INET, &a.address.sin_addr, host, sizeof(host));
	sigemptyset(&signals);
	for (int number : { SIGINT, SIGTERM, SIGUSR1, SIGCHLD })
		sigaddset(&signals, number);
	sigprocmask(SIG_BLOCK, &signals, nullptr);
	counts = static_cast<Count *>(mmap(nullptr, sizeof(Count) * a.functions,
					   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
					   0));
	if (counts == MAP_FAILED)
		err(1, "shared memory");
	port = functions_start(a, host, &pids);
	if (port) {
		printf("ready http://%s:%d/\n", host, port);
		fflush(stdout);
		code = signals_obey(&signals, a.functions);
	}
	for (pid_t pid : pids)
		kill(pid, SIGKILL);
	for (pid_t pid : pids)
		waitpid(pid, nullptr, 0);
	return code;
}
