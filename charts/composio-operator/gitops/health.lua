-- Argo CD's health of a ConnectedAccount and of both kinds of projects. argocd-cm.yaml has it for each of them.
--
-- Waiting for a person is Suspended: nothing goes on by itself, and nothing is broken. A sync wave waits for it all the
-- same; with readyWhen: LinkIssued the object is Healthy as soon as the link is there.
local hs = { status = "Progressing", message = "the operator has not dealt with it yet" }

if obj.spec ~= nil and obj.spec.suspend == true then
  hs.status = "Suspended"
  hs.message = "spec.suspend is set"
  return hs
end
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
-- What is told of an older declaration says nothing of this one.
if obj.status.observedGeneration ~= obj.metadata.generation then
  return hs
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready, stalled, synced = conditions.Ready, conditions.Stalled, conditions.Synced

if stalled ~= nil and stalled.status == "True" then
  hs.status = "Degraded"
  -- The whole sentence is said once, on Ready or on Synced.
  local said = stalled
  for _, condition in ipairs({ ready, synced }) do
    if condition.reason == stalled.reason and condition.message ~= "" then
      said = condition
    end
  end
  hs.message = stalled.reason .. ": " .. said.message
elseif ready ~= nil and ready.status == "True" then
  hs.status = "Healthy"
  hs.message = ready.reason .. ": " .. ready.message
elseif synced ~= nil and synced.status == "False" and synced.message ~= "" then
  hs.message = synced.reason .. ": " .. synced.message
elseif ready ~= nil and ready.reason == "AwaitingUser" then
  hs.status = "Suspended"
  hs.message = ready.reason .. ": " .. ready.message
elseif ready ~= nil then
  hs.message = ready.reason .. ": " .. ready.message
end
return hs
