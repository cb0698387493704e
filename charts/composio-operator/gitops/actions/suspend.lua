-- The operator observes and reports, and changes nothing.
obj.spec.suspend = true
return obj
