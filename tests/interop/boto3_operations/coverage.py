"""What a run has shown of each operation, held against AWS's service models: a success, every error that the
operation declares (or the reason why it cannot occur here), and both ends of every list."""
import os
import re

import botocore.session

HERE = os.path.dirname(os.path.abspath(__file__))
SUCCESS = ""

# Operations that older releases of botocore do not know, with the errors that newer ones declare.
COMMON = {"InvalidRequestException", "ThrottlingException", "UnauthorizedException", "ServiceUnavailableException", "InternalFailureException"}
NEWER = {
    "ListThingPrincipalsV2": COMMON | {"ResourceNotFoundException"},
    "ListPrincipalThingsV2": COMMON | {"ResourceNotFoundException"},
    "DeleteConnection": {"ForbiddenException", "InternalFailureException", "InvalidRequestException", "ResourceNotFoundException",
                         "ThrottlingException"},
}
NEWER_LISTS = {"ListThingPrincipalsV2", "ListPrincipalThingsV2"}

# Why a declared error never comes from the mock. docs/fidelity.md says the same for those who use it.
NEVER = {
    "ThrottlingException": "calls over HTTP are not counted",
    "UnauthorizedException": "signatures are accepted, not verified",
    "ServiceUnavailableException": "there is no other service behind the mock",
    "MethodNotAllowedException": "another method is another operation, or 501",
}
NO_QUOTA = "the quota it stands for is not one of the mock's"
ONE_BY_ONE = "changes are made one after the other"
NEVER_OF = {
    ("CreateProvisioningTemplateVersion", "ConflictingResourceUpdateException"): ONE_BY_ONE,
    ("DeleteProvisioningTemplate", "ConflictingResourceUpdateException"): ONE_BY_ONE,
    ("DeleteProvisioningTemplateVersion", "ConflictingResourceUpdateException"): ONE_BY_ONE,
    ("UpdateProvisioningTemplate", "ConflictingResourceUpdateException"): ONE_BY_ONE,
    ("DetachPolicy", "LimitExceededException"): NO_QUOTA,
    ("ListAttachedPolicies", "LimitExceededException"): NO_QUOTA,
    ("ListTargetsForPolicy", "LimitExceededException"): NO_QUOTA,
    ("GetEffectivePolicies", "LimitExceededException"): NO_QUOTA,
    ("TestAuthorization", "LimitExceededException"): NO_QUOTA,
    ("RegisterCACertificate", "LimitExceededException"): NO_QUOTA,
    ("RegisterCACertificate", "RegistrationCodeValidationException"): "no verification certificate is asked for",
    ("RegisterCertificateWithoutCA", "CertificateStateException"): "there is no CA whose status could be wrong",
    ("UpdateCertificate", "CertificateStateException"): "a status that cannot be set is an InvalidRequestException",
    ("DeletePolicyVersion", "DeleteConflictException"): "the default version is an InvalidRequestException",
    ("DeleteThing", "ResourceNotFoundException"): "a thing that is not there counts as deleted",
    ("ListBillingGroups", "ResourceNotFoundException"): "it names nothing that could be missing",
    ("Publish", "InternalFailureException"): "the message is handed over in memory",
    ("DeleteConnection", "InternalFailureException"): "nothing is stored",
    ("DeleteConnection", "ForbiddenException"): "signatures are accepted, not verified",
}
# Answered although the model does not declare it.
UNDECLARED = {
    ("CreateThingGroup", "ResourceNotFoundException"): "a parent group that is not there",
    ("Publish", "ForbiddenException"): "a reserved topic: the data endpoint's 403",
    ("Publish", "RequestEntityTooLargeException"): "more than 128 KiB",
}
ONE_PAGE = {"ListTagsForResource"}  # all 50 tags that a resource can have
# These change nothing; the world is read from memory, so that storage cannot fail them.
READS = re.compile("(Describe|Get|List)[A-Z]|TestAuthorization$")


def routes():
    """(operation, method, path pattern) of the page that a unit test keeps equal to the table of routes."""
    with open(os.path.join(HERE, "..", "..", "..", "docs", "operations.md"), encoding="utf-8") as file:
        rows = [[cell.strip().strip("`") for cell in line.split("|")[1:4]] for line in file if line.startswith("| ") and "`" in line]
    assert len(rows) > 60
    return [tuple(row) for row in rows]


def matcher(pattern):
    parts = [".+" if p.endswith("+}") else "[^/]+" if p.startswith("{") else re.escape(p) for p in pattern.split("/")]
    return re.compile("/".join(parts))


class Coverage:
    def __init__(self):
        self.routes = sorted(routes(), key=lambda row: row[2].count("{"))
        session = botocore.session.get_session()
        self.models = {}
        for service in ("iot-data", "iot"):
            model = session.get_service_model(service)
            self.models.update({name: model.operation_model(name) for name in model.operation_names})
        self.outcomes = {name: set() for name, _, _ in self.routes}
        self.more, self.last = set(), set()

    def watch(self, client):
        def before(params, model, context, **_):
            context["sent"] = dict(params)

        def after(http_response, parsed, model, context, **_):
            if http_response.status_code < 300:
                self.succeeded(model.name, context["sent"], parsed)
            else:
                self.outcomes[model.name].add(parsed["Error"]["Code"])

        client.meta.events.register("before-parameter-build", before)
        client.meta.events.register("after-call", after)

    def succeeded(self, name, sent, answer):
        self.outcomes[name].add(SUCCESS)
        if answer and ("nextToken" in answer or "nextMarker" in answer):
            self.more.add(name)
        elif "nextToken" in sent or "marker" in sent:
            self.last.add(name)

    def watch_http(self, method, path, status, body, headers):
        """A call that was made without the SDK."""
        path, _, query = path.partition("?")
        for name, wanted, pattern in self.routes:
            if method == wanted and matcher(pattern).fullmatch(path):
                if status < 300:
                    self.succeeded(name, dict(part.partition("=")[::2] for part in query.split("&")), body)
                elif "x-amzn-errortype" in headers:
                    self.outcomes[name].add(headers["x-amzn-errortype"])
                return

    def declared(self, name):
        return {shape.name for shape in self.models[name].error_shapes} if name in self.models else NEWER[name]

    def is_list(self, name):
        if name not in self.models:
            return name in NEWER_LISTS
        shape = self.models[name].input_shape
        return shape is not None and bool({"marker", "nextToken"} & set(shape.members))

    def never(self, name, error):
        if error == "InternalFailureException" and READS.match(name):
            return "read from memory"
        return NEVER.get(error) or NEVER_OF.get((name, error))

    def gaps(self):
        out = []
        for name, _, _ in self.routes:
            seen = self.outcomes[name]
            if SUCCESS not in seen:
                out.append("%s never succeeded" % name)
            for error in sorted(self.declared(name)):
                if error in seen and self.never(name, error):
                    out.append("%s answered %s, which cannot occur: %s" % (name, error, self.never(name, error)))
                elif error not in seen and not self.never(name, error):
                    out.append("%s never answered %s" % (name, error))
            for error in sorted(seen - {SUCCESS} - self.declared(name)):
                if (name, error) not in UNDECLARED:
                    out.append("%s answered %s, which it does not declare" % (name, error))
            if self.is_list(name) and name not in ONE_PAGE:
                if name not in self.more:
                    out.append("%s never had a next page" % name)
                if name not in self.last:
                    out.append("%s was never read to its last page" % name)
        return out

    def summary(self):
        errors = sum(len(seen - {SUCCESS}) for seen in self.outcomes.values())
        lists = sum(self.is_list(name) and name not in ONE_PAGE for name in self.outcomes)
        return "%d operations succeeded, %d of their errors occurred, %d lists were paged" % (len(self.outcomes), errors, lists)
